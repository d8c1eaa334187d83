import { describe, expect, it } from 'vitest';
import { bestInstructionSet } from '../../../../../src/engine/cpu/kernels.js';
import { type CellKernels, generatedCells } from '../../../../../src/engine/cpu/suppliers/native/generated-cells.js';
import {
  type GeneratedSet,
  generationSupport,
  loadGeneratedCells,
} from '../../../../../src/engine/cpu/suppliers/native/generated-kernels.js';
import { describeWith } from '../../../../support/requirements.js';
import { guardedMemory, uniform } from '../../kernels-memory.js';
import { GuardedMemory, type Side } from './guarded-memory.js';

/** Numbers at which something changes, and what is none. */
const special = [
  ...[0, -0, 1e-45, -1e-45, 1e-40, -1.1754942e-38, 6e-8, 0.5, -0.34657359, 10.0, -10.0001, 86.6, 87.4, -87.4, 89],
  ...[-103.9, 104, -150, 1e10, 3.4e38, -3.4e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
];

/** Numbers of both signs up to 8, with special ones among them. */
function numbers(count: number, seed: number): Float32Array {
  return uniform(count, seed).map((x, i) => (i % 5 === 3 ? special[(i + seed) % special.length]! : 8 * x));
}

/** Any 32 bits at all. */
function anyBits(count: number, seed: number): Float32Array {
  const halves = [uniform(count, seed), uniform(count, seed + 1)].map((half) => half.map((x) => (x + 1) * 2 ** 15));
  const words = Uint32Array.from({ length: count }, (_, i) => (halves[0]![i]! << 16) | halves[1]![i]!);
  return new Float32Array(words.buffer);
}

/** All NaN the same: which one comes out of several is not promised. */
function bits(values: Float32Array): Uint32Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return words.map((word, i) => (Number.isNaN(values[i]!) ? 0x7fc00000 : word));
}

const needed = bestInstructionSet() === 'wasm relaxed simd';

describeWith({ generated: 'float32' }, 'time steps by generated code', () => {
  describe.skipIf(!needed).each(generationSupport('float32').sets)('%s', testCells);
});

function testCells(set: GeneratedSet): void {
  const arena = guardedMemory('wasm relaxed simd', 32);
  const generated = generatedCells(set, arena.memory, arena.kernels);

  /** What a call leaves in its results, by WebAssembly and by generated code. */
  function both(call: (kernels: CellKernels) => readonly Float32Array[]): void {
    const [expected, found] = [arena.kernels, generated].map((kernels) => {
      arena.clear();
      const results = call(kernels);
      arena.checkGuards();
      return results.map(bits);
    });
    expect(found).toEqual(expected);
  }

  const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 65, 130];
  const inputs = 3;
  const inputOf = (rows: number) => Int32Array.from({ length: rows }, (_, row) => (2 * row + 1) % inputs);

  it.each(sizes)('have the bits of WebAssembly forwards, %i columns', (H) => {
    for (const values of [numbers, anyBits]) {
      for (const rows of [1, 2, 7]) {
        both(({ rnnCell }) => {
          const [x, r] = [arena.put(values(inputs * H, 1)), arena.put(values(rows * H, 2))];
          const h = arena.take(rows * H * 4);
          rnnCell(x, arena.put(inputOf(rows)), r, h, rows, H);
          return [arena.floats(h, rows * H)];
        });
        both(({ lstmCell }) => {
          const [x, gates] = [arena.put(values(inputs * 4 * H, 3)), arena.put(values(rows * 4 * H, 4))];
          const [prevC, c, h] = [arena.put(values(rows * H, 5)), arena.take(rows * H * 4), arena.take(rows * H * 4)];
          lstmCell(x, arena.put(inputOf(rows)), gates, prevC, c, h, rows, H);
          return [arena.floats(gates, rows * 4 * H), arena.floats(c, rows * H), arena.floats(h, rows * H)];
        });
      }
    }
  });

  it.each(sizes)('have the bits of WebAssembly backwards, %i columns', (H) => {
    const rows = 5;
    for (const values of [numbers, anyBits]) {
      for (const [nextRows, withH, withC] of [
        ...([[0, false, false] as const, [rows, true, true] as const, [3, true, true] as const] as const),
        ...([[9, true, true] as const, [3, true, false] as const, [3, false, true] as const] as const),
      ]) {
        both(({ lstmCellBackward }) => {
          const [prevC, c, dh] = [1, 2, 3].map((seed) => arena.put(values(rows * H, seed))) as [number, number, number];
          const next = [4, 5].map((seed) => arena.put(values(nextRows * H, seed))) as [number, number];
          const gates = arena.put(values(rows * 4 * H, 6));
          const [da, dc] = [arena.take(rows * 4 * H * 4), arena.take(rows * H * 4)];
          const [dhNext, dcNext] = [withH ? next[0] : 0, withC ? next[1] : 0];
          lstmCellBackward(gates, prevC, c, dh, dhNext, dcNext, nextRows, da, dc, rows, H);
          return [arena.floats(da, rows * 4 * H), arena.floats(dc, rows * H)];
        });
      }
    }
  });

  it('may write where they read', () => {
    const [rows, H] = [3, 21];
    both(({ rnnCell, lstmCell, lstmCellBackward }) => {
      const [x, index] = [arena.put(numbers(inputs * 4 * H, 1)), arena.put(inputOf(rows))];
      const [r, c, h] = [2, 3, 4].map((seed) => arena.put(numbers(rows * H, seed))) as [number, number, number];
      const gates = arena.put(numbers(rows * 4 * H, 5));
      rnnCell(x, index, r, r, rows, H);
      lstmCell(x, index, gates, c, c, h, rows, H);
      lstmCellBackward(gates, c, c, h, 0, 0, 0, gates, h, rows, H);
      return [arena.floats(r, rows * H), arena.floats(c, rows * H), arena.floats(gates, rows * 4 * H)];
    });
  });

  it('do nothing where there are no rows', () => {
    both(({ rnnCell }) => {
      const h = arena.put(numbers(8, 1));
      rnnCell(arena.put(numbers(8, 2)), arena.put(inputOf(1)), arena.put(numbers(8, 3)), h, 0, 8);
      return [arena.floats(h, 8)];
    });
  });

  const code = loadGeneratedCells(set);
  const pages = Array.from({ length: 8 }, () => new GuardedMemory(2 ** 14));

  /** Calls the function with operands of these counts of floats at this side of guarded memory, and an index. */
  function callGuarded(name: keyof typeof code, counts: readonly number[], side: Side, rows: number, H: number): void {
    const operands = counts.map((count, i) => pages[i]!.floats(count, side));
    for (const [i, { values }] of operands.entries()) values.set(uniform(values.length, i));
    const addresses = operands.map(({ address }) => address);
    if (name === 'rnnCell' || name === 'lstmCell') {
      const { address, values } = pages[counts.length]!.floats(rows, side);
      new Int32Array(values.buffer, values.byteOffset, rows).set(inputOf(rows));
      addresses.push(address);
    }
    code[name](...addresses, rows, H);
  }

  it('touch no byte beside their operands', () => {
    const rows = 4;
    for (const H of [1, 5, 8, 13, 16, 19, 37]) {
      const [one, four] = [rows * H, rows * 4 * H];
      for (const side of ['start', 'end'] as const) {
        callGuarded('rnnCell', [inputs * H, one, one], side, rows, H);
        callGuarded('lstmCell', [inputs * 4 * H, four, one, one, one], side, rows, H);
        callGuarded('lstmBackward', [four, one, one, one, four, one], side, rows, H);
        callGuarded('lstmBackwardNext', [four, one, one, one, one, one, four, one], side, rows, H);
      }
    }
  });
}
