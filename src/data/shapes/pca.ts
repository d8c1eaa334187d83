/** Principal component analysis of feature rows. */

export interface Components {
  /** (columns) mean of the rows they were fitted to. */
  readonly mean: Float64Array;
  /** (count, columns) unit vectors, by falling variance. */
  readonly directions: Float64Array;
  readonly count: number;
}

/**
 * The `count` directions of largest variance.
 *
 * @param rows (n, columns) row-major
 */
export function fitComponents(rows: Float32Array, columns: number, count: number): Components {
  const n = rows.length / columns;
  const mean = new Float64Array(columns);
  for (let i = 0; i < rows.length; i++) mean[i % columns]! += rows[i]! / n;
  const covariance = new Float64Array(columns * columns);
  const centred = new Float64Array(columns);
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < columns; i++) centred[i] = rows[row * columns + i]! - mean[i]!;
    for (let i = 0; i < columns; i++) {
      const x = centred[i]! / n;
      for (let j = 0; j < columns; j++) covariance[i * columns + j]! += x * centred[j]!;
    }
  }
  const { values, vectors } = symmetricEigen(covariance, columns);
  const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!);
  const directions = new Float64Array(count * columns);
  for (let k = 0; k < count; k++) {
    directions.set(vectors.subarray(order[k]! * columns, (order[k]! + 1) * columns), k * columns);
  }
  return { mean, directions, count };
}

/** (n, columns) rows less their mean, along each direction → (n, count). */
export function project(rows: Float32Array, columns: number, components: Components): Float32Array {
  const { mean, directions, count } = components;
  const n = rows.length / columns;
  const projected = new Float32Array(n * count);
  for (let row = 0; row < n; row++) {
    for (let k = 0; k < count; k++) {
      let sum = 0;
      for (let i = 0; i < columns; i++) sum += (rows[row * columns + i]! - mean[i]!) * directions[k * columns + i]!;
      projected[row * count + k] = sum;
    }
  }
  return projected;
}

/**
 * Eigenvalues and unit eigenvectors (one a row) of a symmetric matrix, by cyclic Jacobi rotations (Golub and Van Loan,
 * Matrix Computations, section 8.5).
 */
export function symmetricEigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const total = a.reduce((sum, x) => sum + x * x, 0);
  for (let sweep = 0; sweep < 30 && offDiagonal(a, n) > 1e-20 * total; sweep++) {
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
    }
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), vectors };
}

function offDiagonal(a: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) sum += 2 * a[i * n + j]! ** 2;
  return sum;
}

/** Turns rows and columns p and q so that element (p,q) becomes zero. */
function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const akp = a[k * n + p]!;
    const akq = a[k * n + q]!;
    a[k * n + p] = c * akp - s * akq;
    a[k * n + q] = s * akp + c * akq;
  }
  for (let k = 0; k < n; k++) {
    const apk = a[p * n + k]!;
    const aqk = a[q * n + k]!;
    a[p * n + k] = c * apk - s * aqk;
    a[q * n + k] = s * apk + c * aqk;
    const vp = vectors[p * n + k]!;
    const vq = vectors[q * n + k]!;
    vectors[p * n + k] = c * vp - s * vq;
    vectors[q * n + k] = s * vp + c * vq;
  }
}
