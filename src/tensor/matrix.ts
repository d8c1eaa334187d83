/** Numbers as they cross the borders between data, model and engines. */

export type NumberArray = Float32Array | Float64Array;
export type Precision = 'float32' | 'float64';

/** What every tensor handle tells of itself: row-major, a vector is a matrix of one row. */
export interface Shape {
  readonly rows: number;
  readonly columns: number;
}

export interface Matrix extends Shape {
  /** (rows, columns) */
  readonly data: NumberArray;
}

/** Tensors, or what belongs to them, by name. */
export type Named<T> = Readonly<Record<string, T>>;
