/** The tensors of the reference engine: plain matrices in float64. */
import type { Shape } from '../../tensor/matrix.js';

export interface ReferenceMatrix extends Shape {
  readonly data: Float64Array<ArrayBufferLike>;
}

export function matrix(
  rows: number,
  columns: number,
  data: Float64Array<ArrayBufferLike> = new Float64Array(rows * columns),
): ReferenceMatrix {
  if (data.length !== rows * columns) throw new Error(`${data.length} elements for a (${rows},${columns}) matrix`);
  return { rows, columns, data };
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Element by element. */
export function each(a: ReferenceMatrix, map: (value: number, index: number) => number): ReferenceMatrix {
  return matrix(a.rows, a.columns, a.data.map(map));
}
