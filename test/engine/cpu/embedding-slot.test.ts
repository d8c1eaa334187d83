import { describe, expect, it } from 'vitest';
import { plainTensor } from '../../../src/engine/cpu/arena.js';
import { EmbeddingSlot, usedRowsBytes } from '../../../src/engine/cpu/embedding-slot.js';
import { loadKernels } from '../../../src/engine/cpu/kernels.js';

const rows = 10;
const columns = 3;

function makeSlot() {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const words = 1024;
  const gradient = plainTensor(2048, 0, columns);
  const table = new Float32Array(memory.buffer, 4096, rows * columns);
  const record = new Int32Array(memory.buffer, 512, usedRowsBytes(rows) / 4);
  const open = () => new EmbeddingSlot(memory, 512, 4096, rows, columns, loadKernels(memory));
  const write = (slot: EmbeddingSlot, ids: readonly number[]) => {
    new Int32Array(memory.buffer, words, ids.length).set(ids);
    new Float32Array(memory.buffer, gradient.offset, ids.length * columns).fill(1);
    slot.write(Int32Array.from(ids), words, { ...gradient, rows: ids.length });
  };
  const nonZeroRows = () => Array.from({ length: rows }, (_, r) => r).filter((r) => table[r * columns] !== 0);
  return { open, write, table, record, nonZeroRows };
}

describe('the gradient of the embedding table', () => {
  it('holds the rows of the latest minibatch alone, whichever worker wrote the one before', () => {
    const { open, write, nonZeroRows } = makeSlot();
    write(open(), [1, 4, 7]);
    expect(nonZeroRows()).toEqual([1, 4, 7]);
    write(open(), [4, 9]);
    expect(nonZeroRows()).toEqual([4, 9]);
    open().clear();
    expect(nonZeroRows()).toEqual([]);
  });

  it('is zeroed whole where a worker died while writing it', () => {
    const { open, write, table, record, nonZeroRows } = makeSlot();
    write(open(), [1, 4, 7]);
    record[0] = 0;
    table.fill(5);
    write(open(), [2]);
    expect(nonZeroRows()).toEqual([2]);
  });
});
