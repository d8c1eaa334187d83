/** Tables with a row for each image, in memory that all threads share. */
import { widenFloat16 } from './float16.js';

export interface FeatureTable {
  /** (rows, columns) row-major, on a SharedArrayBuffer; a Uint16Array holds the bits of float16 numbers. */
  readonly data: Float32Array | Float64Array | Uint16Array;
  readonly rows: number;
  readonly columns: number;
  /** Vectors that a row holds one behind the other, of a grid; not given for a row that is one vector. */
  readonly positions?: number;
}

/** Copies one row into `target` from `to` on. */
export function copyRow(
  { data, columns }: FeatureTable,
  row: number,
  target: Float32Array | Float64Array,
  to: number,
): void {
  if (data instanceof Uint16Array) widenFloat16(data, row * columns, target, to, columns);
  else target.set(data.subarray(row * columns, (row + 1) * columns), to);
}

/** The first `rows` rows, without copying. */
export function firstRowsOf(table: FeatureTable, rows: number): FeatureTable {
  return rows >= table.rows ? table : { ...table, rows, data: table.data.subarray(0, rows * table.columns) };
}

/** The table in memory that threads share, copied unless it is there already. */
export function sharedTable(table: FeatureTable): FeatureTable {
  const { data } = table;
  if (data.buffer instanceof SharedArrayBuffer) return table;
  const shared = new SharedArrayBuffer(data.byteLength);
  const copy =
    data instanceof Float64Array
      ? new Float64Array(shared)
      : data instanceof Float32Array
        ? new Float32Array(shared)
        : new Uint16Array(shared);
  copy.set(data);
  return { ...table, data: copy };
}
