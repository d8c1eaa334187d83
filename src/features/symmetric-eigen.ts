/**
 * Eigenvectors of symmetric matrices: Householder's reduction to tridiagonal form, then QR steps with Wilkinson's shift
 * (Golub and Van Loan, Matrix Computations, sections 8.3.1 and 8.3.5). Everything runs along rows, which lie together in
 * memory.
 */

type Rows = Float64Array[];

/**
 * Unit eigenvectors of the `count` largest eigenvalues, the largest first.
 *
 * @param matrix symmetric, which is overwritten
 */
export function leadingEigenvectors(matrix: Rows, count: number): Float64Array[] {
  const { diagonal, besides, reflections } = tridiagonal(matrix);
  const vectors = diagonalise(diagonal, besides);
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!);
  return order.slice(0, count).map((k) => reflected(vectors[k]!, reflections));
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** (n) element k stands between diagonal elements k and k+1; the last one is 0. */
  readonly besides: Float64Array;
  /** Vectors v of the reflections I - 2vvᵀ, each of which leaves the elements before its own alone. */
  readonly reflections: Rows;
}

function tridiagonal(a: Rows): Tridiagonal {
  const n = a.length;
  const diagonal = new Float64Array(n);
  const besides = new Float64Array(n);
  const reflections: Rows = [];
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k]![k]!;
    const v = a[k]!.slice(k + 1);
    const length = Math.sqrt(dot(v, v, v.length));
    const target = v[0]! > 0 ? -length : length;
    besides[k] = target;
    v[0]! -= target;
    const size = Math.sqrt(dot(v, v, v.length));
    if (size > 0) for (let i = 0; i < v.length; i++) v[i]! /= size;
    reflections.push(v);
    reflect(a, k + 1, v);
  }
  diagonal[n - 1] = a[n - 1]![n - 1]!;
  return { diagonal, besides, reflections };
}

/** Applies I - 2vvᵀ from both sides to the rows and columns from `first` on. */
function reflect(a: Rows, first: number, v: Float64Array): void {
  const n = v.length;
  const w = new Float64Array(n);
  for (let i = 0; i < n; i++) w[i] = 2 * dot(a[first + i]!.subarray(first), v, n);
  const share = dot(w, v, n);
  for (let i = 0; i < n; i++) w[i]! -= share * v[i]!;
  for (let i = 0; i < n; i++) {
    const row = a[first + i]!;
    const [vi, wi] = [v[i]!, w[i]!];
    for (let j = 0; j < n; j++) row[first + j]! -= vi * w[j]! + wi * v[j]!;
  }
}

/** @returns rows that are the eigenvectors of the tridiagonal matrix, whose eigenvalues `d` then holds */
function diagonalise(d: Float64Array, e: Float64Array): Rows {
  const n = d.length;
  const vectors = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n);
    row[i] = 1;
    return row;
  });
  for (let last = n - 1, steps = 0; last > 0; ) {
    const isSmall = (k: number) => Math.abs(e[k]!) <= Number.EPSILON * (Math.abs(d[k]!) + Math.abs(d[k + 1]!));
    if (isSmall(last - 1) || steps > 100) {
      e[last - 1] = 0;
      last--;
      steps = 0;
      continue;
    }
    let first = last - 1;
    while (first > 0 && !isSmall(first - 1)) first--;
    step(d, e, first, last, vectors);
    steps++;
  }
  return vectors;
}

/** One implicit QR step on the elements from `first` to `last`. */
function step(d: Float64Array, e: Float64Array, first: number, last: number, vectors: Rows): void {
  const half = (d[last - 1]! - d[last]!) / 2;
  const beside = e[last - 1]!;
  const root = Math.hypot(half, beside);
  const shift = d[last]! - (beside * beside) / (half + (half < 0 ? -root : root) || Number.MIN_VALUE);
  let x = d[first]! - shift;
  let z = e[first]!;
  for (let k = first; k < last; k++) {
    const length = Math.hypot(x, z);
    const [c, s] = length === 0 ? [1, 0] : [x / length, z / length];
    if (k > first) e[k - 1] = length;
    const [p, q, r] = [d[k]!, d[k + 1]!, e[k]!];
    d[k] = c * c * p + 2 * c * s * r + s * s * q;
    d[k + 1] = s * s * p - 2 * c * s * r + c * c * q;
    e[k] = c * s * (q - p) + (c * c - s * s) * r;
    x = e[k]!;
    if (k + 1 < last) {
      z = s * e[k + 1]!;
      e[k + 1]! *= c;
    }
    turn(vectors[k]!, vectors[k + 1]!, c, s);
  }
}

function turn(a: Float64Array, b: Float64Array, c: number, s: number): void {
  for (let i = 0; i < a.length; i++) {
    const [ai, bi] = [a[i]!, b[i]!];
    a[i] = c * ai + s * bi;
    b[i] = c * bi - s * ai;
  }
}

function reflected(vector: Float64Array, reflections: Rows): Float64Array {
  const found = vector.slice();
  for (let k = reflections.length - 1; k >= 0; k--) {
    const v = reflections[k]!;
    const part = found.subarray(k + 1);
    const share = 2 * dot(part, v, v.length);
    for (let i = 0; i < v.length; i++) part[i]! -= share * v[i]!;
  }
  return found;
}

function dot(a: Float64Array, b: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[i]! * b[i]!;
  return sum;
}
