import { describe, expect, test } from 'vitest';
import { guardedMemory, runnableSets, uniform } from './kernels-memory.js';

describe.each(runnableSets)('%s', (instructionSet) => {
  const arena = guardedMemory(instructionSet);
  const { kernels } = arena;

  for (const n of [0, 1, 2, 3, 4, 5, 7, 8, 131]) {
    test(`${n} elements are added, multiplied and scaled, to the last bit, also in place`, () => {
      arena.clear();
      const [a, b] = [uniform(n, 1), uniform(n, 2)];
      const bAt = arena.put(b);
      const check = (kernel: (a: number, out: number) => void, exact: (x: number, i: number) => number) => {
        const expected = a.map((x, i) => Math.fround(exact(x, i)));
        for (const inPlace of [false, true]) {
          const aAt = arena.put(a);
          const out = inPlace ? aAt : arena.take(n * 4);
          kernel(aAt, out);
          expect(arena.floats(out, n)).toEqual(expected);
        }
      };
      check(
        (aAt, out) => kernels.add(aAt, bAt, out, n),
        (x, i) => x + b[i]!,
      );
      check(
        (aAt, out) => kernels.multiply(aAt, bAt, out, n),
        (x, i) => x * b[i]!,
      );
      check(
        (aAt, out) => kernels.scaleShift(aAt, -2.5, 0.75, out, n),
        (x) => Math.fround(-2.5 * x) + 0.75,
      );
      arena.checkGuards();
    });
  }

  test.each([
    [1, 1],
    [3, 2],
    [5, 7],
    [4, 64],
  ])('a row is added to each of %i rows of %i', (rows, columns) => {
    arena.clear();
    const [a, row] = [uniform(rows * columns, 1), uniform(columns, 2)];
    const out = arena.take(rows * columns * 4);
    kernels.addRow(arena.put(a), arena.put(row), rows, columns, out);
    expect(arena.floats(out, rows * columns)).toEqual(a.map((x, at) => x + row[at % columns]!));
    arena.checkGuards();
  });

  test('NaN and infinity pass through', () => {
    arena.clear();
    const a = arena.put([Number.NaN, Infinity, -Infinity, 1, Infinity]);
    const b = arena.put([1, -Infinity, -1, Number.NaN, 0]);
    const out = arena.take(20);
    kernels.add(a, b, out, 5);
    expect([...arena.floats(out, 5)]).toEqual([Number.NaN, Number.NaN, -Infinity, Number.NaN, Infinity]);
    kernels.multiply(a, b, out, 5);
    expect([...arena.floats(out, 5)]).toEqual([Number.NaN, -Infinity, Infinity, Number.NaN, Number.NaN]);
  });
});
