import { describe, expect, test } from 'vitest';
import { guardedMemory, runnableSets, uniform } from './kernels-memory.js';

describe.each(runnableSets)('%s', (instructionSet) => {
  const arena = guardedMemory(instructionSet);

  for (const columns of [1, 3, 4, 7, 130]) {
    test(`rows of ${columns} are gathered, scattered, zeroed and summed by input`, () => {
      arena.clear();
      const { kernels } = arena;
      const row = (data: Float32Array, at: number) => data.subarray(at * columns, (at + 1) * columns);
      const table = uniform(6 * columns, 1);
      const indices = Int32Array.of(4, 0, 5);
      const tableAt = arena.put(table);
      const indicesAt = arena.put(indices);
      const out = arena.take(3 * columns * 4);
      kernels.gatherRows(tableAt, indicesAt, 3, columns, out);
      for (const [r, index] of indices.entries()) {
        expect(row(arena.floats(out, 3 * columns), r)).toEqual(row(table, index));
      }

      const target = arena.put(new Float32Array(6 * columns).fill(8));
      kernels.scatterRows(out, indicesAt, 3, columns, target);
      const scattered = arena.floats(target, 6 * columns);
      for (const index of indices) expect(row(scattered, index)).toEqual(row(table, index));
      expect([...row(scattered, 1), ...row(scattered, 2), ...row(scattered, 3)].every((x) => x === 8)).toBe(true);
      kernels.zeroRows(indicesAt, 3, columns, target);
      for (const index of indices)
        expect(row(arena.floats(target, 6 * columns), index).every((x) => x === 0)).toBe(true);
      expect(row(arena.floats(target, 6 * columns), 1).every((x) => x === 8)).toBe(true);

      const inputOf = Int32Array.of(1, 0, 1, 3, 1);
      const packed = uniform(5 * columns, 2);
      const sums = arena.put(new Float32Array(4 * columns).fill(9));
      kernels.sumByInput(arena.put(packed), arena.put(inputOf), 5, columns, 4, sums);
      const expected = new Float32Array(4 * columns);
      // In float32 and in rising order, so that the sum is the same to the bit.
      for (const [r, input] of inputOf.entries()) {
        for (let j = 0; j < columns; j++) {
          expected[input * columns + j] = expected[input * columns + j]! + packed[r * columns + j]!;
        }
      }
      expect(arena.floats(sums, 4 * columns)).toEqual(expected);
      arena.checkGuards();
    });

    test.each([1, 4, 18, 35])(`%i rows of ${columns} columns are transposed`, (rows) => {
      arena.clear();
      const a = uniform(rows * columns, 5);
      const out = arena.take(rows * columns * 4);
      arena.kernels.transpose(arena.put(a), rows, columns, out);
      const expected = Float32Array.from(a, (_, at) => a[(at % rows) * columns + Math.floor(at / rows)]!);
      expect(arena.floats(out, rows * columns)).toEqual(expected);
      arena.checkGuards();
    });

    test(`columns of ${columns} are summed over rows`, () => {
      arena.clear();
      const [rows, lda] = [9, columns + 3];
      const a = uniform(rows * lda, 3);
      const aAt = arena.put(a);
      const out = arena.take(columns * 4);
      arena.kernels.columnSums(aAt, rows, columns, lda, out);
      const sums = Float32Array.from({ length: columns }, (_, j) => {
        let sum = 0;
        for (let r = 0; r < rows; r++) sum = Math.fround(sum + a[r * lda + j]!);
        return sum;
      });
      expect(arena.floats(out, columns)).toEqual(sums);
      arena.checkGuards();
    });

    test(`${columns} columns are copied between matrices of other widths, and nothing beside them`, () => {
      arena.clear();
      const [rows, ldSrc, ldDst] = [5, columns + 3, columns + 2];
      const src = uniform(rows * ldSrc, 4);
      const dst = arena.put(new Float32Array(rows * ldDst).fill(8));
      arena.kernels.copyColumns(arena.put(src) + 4, ldSrc, dst + 8, ldDst, rows, columns);
      const expected = Float32Array.from({ length: rows * ldDst }, (_, at) => {
        const [r, j] = [Math.floor(at / ldDst), (at % ldDst) - 2];
        return j < 0 ? 8 : src[r * ldSrc + 1 + j]!;
      });
      expect(arena.floats(dst, rows * ldDst)).toEqual(expected);
      arena.checkGuards();
    });
  }

  test('no rows and no columns are allowed', () => {
    arena.clear();
    const out = arena.put([7]);
    arena.kernels.columnSums(out, 3, 0, 0, out);
    arena.kernels.gatherRows(out, out, 0, 5, out);
    arena.kernels.copyColumns(out, 5, out, 5, 0, 5);
    expect([...arena.floats(out, 1)]).toEqual([7]);
    arena.kernels.columnSums(out, 0, 1, 1, out);
    expect([...arena.floats(out, 1)]).toEqual([0]);
  });

  test('logSumExp neither overflows nor loses a row, of any width', () => {
    for (const columns of [1, 3, 4, 7, 18]) {
      arena.clear();
      const rows = [1e4, 0, -1e4].map((shift) => Array.from({ length: columns }, (_, j) => shift + Math.sin(j) * 3));
      const out = arena.take(rows.length * 4);
      arena.kernels.logSumExp(arena.put(rows.flat()), rows.length, columns, out);
      arena.floats(out, rows.length).forEach((found, r) => {
        const largest = Math.max(...rows[r]!);
        const expected = largest + Math.log(rows[r]!.reduce((sum, x) => sum + Math.exp(x - largest), 0));
        expect(Math.abs(found - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)));
      });
      arena.checkGuards();
    }
  });
});
