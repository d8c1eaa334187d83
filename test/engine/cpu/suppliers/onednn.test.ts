import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { loadKernels } from '../../../../src/engine/cpu/kernels.js';
import { installedLibraries } from '../../../../src/engine/cpu/suppliers/blas/installed.js';
import { openLibrary } from '../../../../src/engine/cpu/suppliers/blas/library.js';
import { describeWith } from '../../../support/requirements.js';

// More than are kept ready.
const mostRows = 700;
const [N, K] = [8, 4];
const [a, b, prepared, c] = [65536, 131072, 196608, 262144];

/** Products of ones, in A, and twos, of so many rows. */
function productsOfRows() {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
  const { path } = installedLibraries().find(({ library }) => library === 'onednn')!;
  const products = openLibrary('onednn', path).products(loadKernels(memory), memory);
  // In bfloat16 1 is 0x3f80 and 2 is 0x4000.
  new Uint16Array(memory.buffer, a, mostRows * K).fill(0x3f80);
  new Uint16Array(memory.buffer, b, K * N).fill(0x4000);
  products.prepare(false, N, K, b, prepared);
  const found = new Float32Array(memory.buffer, c, mostRows * N + 1);
  return (rows: number): Float32Array => {
    found.fill(-1);
    products.multiplyPrepared(false, rows, N, K, a, prepared, c, 0, 0);
    return found;
  };
}

const everyNumberOfRows = Array.from({ length: mostRows }, (_, i) => i + 1);

describeWith({ bf16: true }, 'products by oneDNN', () => {
  it('are right for more numbers of rows than are kept ready, the first ones again at the end', () => {
    const product = productsOfRows();
    for (const rows of [...everyNumberOfRows, 1, 2, 3]) {
      const found = product(rows);
      expect(found.subarray(0, rows * N).every((value) => value === 2 * K)).toBe(true);
      expect(found[rows * N]).toBe(-1);
    }
  });

  it('take no more memory the more of them were made ready and given back', () => {
    const product = productsOfRows();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const bytesAfterAll = () => {
      everyNumberOfRows.forEach(product);
      // Memory that a collection frees goes on counting until the next one, or until a thread of V8 has swept it.
      collect();
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const first = bytesAfterAll();
    expect(bytesAfterAll() - first).toBeLessThan(500_000);
  });
});
