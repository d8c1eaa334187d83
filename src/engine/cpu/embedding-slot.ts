/**
 * The gradient of the embedding table in a shard's slot. A minibatch reads few of the table's rows, so only these are
 * written, and the rows of the minibatch before are zeroed.
 *
 * Which rows are in use is remembered in the shared memory, because any worker may take the shard next. It is marked
 * as unknown while rows are written, so that after a worker died there the whole table is zeroed.
 */
import type { Tensor } from './arena.js';
import type { Kernels } from './kernels.js';

const unknown = 0;
const known = 1;

/** Bytes of the record: state, number of rows, the rows. */
export function usedRowsBytes(tableRows: number): number {
  return (2 + tableRows) * 4;
}

export class EmbeddingSlot {
  private readonly record: Int32Array;

  /**
   * @param record byte offset of `usedRowsBytes(tableRows)` bytes, zero at first
   * @param table byte offset of the gradient table
   */
  constructor(
    memory: WebAssembly.Memory,
    private readonly recordOffset: number,
    private readonly table: number,
    private readonly tableRows: number,
    private readonly columns: number,
    private readonly kernels: Kernels,
  ) {
    this.record = new Int32Array(memory.buffer, recordOffset, 2 + tableRows);
  }

  /** The table becomes zero except for the rows of these distinct words. */
  write(words: Int32Array, wordsOffset: number, gradient: Tensor): void {
    this.clear();
    this.record[0] = unknown;
    this.kernels.scatterRows(gradient.offset, wordsOffset, gradient.rows, gradient.columns, this.table);
    this.record.set(words, 2);
    this.record[1] = words.length;
    this.record[0] = known;
  }

  clear(): void {
    if (this.record[0] === known) {
      this.kernels.zeroRows(this.recordOffset + 8, this.record[1]!, this.columns, this.table);
    } else {
      this.kernels.zero(this.table, this.tableRows * this.columns * 4);
    }
    this.record[1] = 0;
    this.record[0] = known;
  }
}
