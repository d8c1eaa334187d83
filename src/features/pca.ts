/** Principal component analysis of feature rows, as in CS231n's `fc7_pca`. */
import { leadingEigenvectors } from './symmetric-eigen.js';

export interface Components {
  /** (columns) mean of the rows they were fitted to. */
  readonly mean: Float32Array | Float64Array;
  /** (count, columns) unit vectors, by falling variance. */
  readonly directions: Float32Array | Float64Array;
  readonly count: number;
}

/** Rows that components are fitted to, at most: more would change them little. */
const mostRows = 20_000;

/**
 * The `count` directions of largest variance. Each points to where its largest element is positive.
 *
 * @param rows (n, columns) row-major, of which at most 20,000 count, evenly spaced
 */
export function fitComponents(rows: Float32Array, columns: number, count: number): Components {
  const all = rows.length / columns;
  const n = Math.min(all, mostRows);
  const mean = new Float64Array(columns);
  const rowOf = (i: number) => Math.floor((i * all) / n) * columns;
  for (let i = 0; i < n; i++) {
    const start = rowOf(i);
    for (let j = 0; j < columns; j++) mean[j]! += rows[start + j]! / n;
  }
  const covariance = Array.from({ length: columns }, () => new Float64Array(columns));
  const centred = new Float64Array(columns);
  for (let row = 0; row < n; row++) {
    const start = rowOf(row);
    for (let i = 0; i < columns; i++) centred[i] = rows[start + i]! - mean[i]!;
    for (let i = 0; i < columns; i++) {
      const x = centred[i]! / n;
      const target = covariance[i]!;
      for (let j = 0; j <= i; j++) target[j]! += x * centred[j]!;
    }
  }
  for (let i = 0; i < columns; i++) for (let j = 0; j < i; j++) covariance[j]![i] = covariance[i]![j]!;
  const directions = new Float64Array(count * columns);
  leadingEigenvectors(covariance, count).forEach((vector, k) => {
    const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const sign = largest < 0 ? -1 : 1;
    for (let i = 0; i < columns; i++) directions[k * columns + i] = sign * vector[i]!;
  });
  return { mean, directions, count };
}

/** (n, columns) rows less their mean, along each direction → (n, count). */
export function project(rows: Float32Array, columns: number, components: Components): Float32Array {
  const { mean, directions, count } = components;
  const n = rows.length / columns;
  const projected = new Float32Array(n * count);
  const centred = new Float64Array(columns);
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < columns; i++) centred[i] = rows[row * columns + i]! - mean[i]!;
    for (let k = 0; k < count; k++) {
      let sum = 0;
      for (let i = 0, at = k * columns; i < columns; i++, at++) sum += centred[i]! * directions[at]!;
      projected[row * count + k] = sum;
    }
  }
  return projected;
}
