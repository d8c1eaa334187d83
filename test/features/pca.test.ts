import { describe, expect, it } from 'vitest';
import { normals } from '../../src/data/random.js';
import { fitComponents, project } from '../../src/features/pca.js';
import { leadingEigenvectors } from '../../src/features/symmetric-eigen.js';

function symmetric(n: number, seed: number): Float64Array[] {
  const values = normals(seed, 'matrix', n * n);
  return Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_, j) => values[i * n + j]! + values[j * n + i]!),
  );
}

const times = (a: Float64Array[], v: Float64Array) =>
  Float64Array.from(a, (row) => row.reduce((sum, x, i) => sum + x * v[i]!, 0));
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

describe('eigenvectors of a symmetric matrix', () => {
  it.each([1, 2, 3, 40])('of %i rows are orthogonal, kept in their direction, and by falling eigenvalue', (n) => {
    const vectors = leadingEigenvectors(symmetric(n, 5), n);
    let before = Number.POSITIVE_INFINITY;
    vectors.forEach((vector, k) => {
      const image = times(symmetric(n, 5), vector);
      const value = dot(image, vector);
      expect(value).toBeLessThanOrEqual(before);
      before = value;
      for (const [i, x] of vector.entries()) expect(image[i]).toBeCloseTo(value * x, 9);
      for (const [j, other] of vectors.entries()) expect(dot(vector, other)).toBeCloseTo(j === k ? 1 : 0, 10);
    });
  });

  it('are found where eigenvalues repeat or are all zero', () => {
    const rank1 = Array.from({ length: 5 }, () => new Float64Array(5).fill(2));
    const [first] = leadingEigenvectors(rank1, 1);
    for (const x of first!) expect(Math.abs(x)).toBeCloseTo(Math.sqrt(0.2), 10);
    const none = Array.from({ length: 4 }, () => new Float64Array(4));
    for (const vector of leadingEigenvectors(none, 4)) expect(dot(vector, vector)).toBeCloseTo(1, 10);
  });
});

it('rows along their components have no mean, falling variances, and nothing in common', () => {
  const [n, columns, count] = [300, 12, 5];
  const drawn = normals(7, 'rows', n * columns);
  const rows = Float32Array.from(drawn, (x, i) => x * (1 + (i % columns)) + (i % columns > 0 ? drawn[i - 1]! : 0) + 3);
  const found = project(rows, columns, fitComponents(rows, columns, count));
  const covariance = (a: number, b: number) => {
    let sum = 0;
    for (let row = 0; row < n; row++) sum += (found[row * count + a]! * found[row * count + b]!) / n;
    return sum;
  };
  for (let a = 0; a < count; a++) {
    const column = Array.from({ length: n }, (_, row) => found[row * count + a]!);
    expect(column.reduce((sum, x) => sum + x / n, 0)).toBeCloseTo(0, 4);
    if (a > 0) expect(covariance(a, a)).toBeLessThan(covariance(a - 1, a - 1));
    for (let b = 0; b < a; b++) expect(covariance(a, b)).toBeCloseTo(0, 2);
  }
});
