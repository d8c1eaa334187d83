import { describe, expect, it } from 'vitest';
import { bestInstructionSet } from '../../../../../src/engine/cpu/kernels.js';
import { cellPrograms } from '../../../../../src/engine/cpu/suppliers/native/lanes/cell-programs.js';
import { generateRows } from '../../../../../src/engine/cpu/suppliers/native/x64/generate-rows.js';
import { avx2, avx512 } from '../../../../../src/engine/cpu/suppliers/native/x64/vector-set.js';
import { describeWith } from '../../../../support/requirements.js';
import { guardedMemory, uniform } from '../../kernels-memory.js';
import { Emulator, type Region } from './emulator.js';

const inputs = 3;
const inputOf = (rows: number) => Int32Array.from({ length: rows }, (_, row) => (2 * row + 1) % inputs);
const wide = (count: number, seed: number) => uniform(count, seed).map((x) => 12 * x);

describeWith({ command: 'objdump' }, 'time steps on an emulated processor', () => {
  describe.skipIf(bestInstructionSet() !== 'wasm relaxed simd').each([avx2, avx512])('$name', (set) => {
    const { code, entries } = generateRows(set, cellPrograms);
    const emulator = new Emulator(code);
    const arena = guardedMemory('wasm relaxed simd');

    /** Calls the function on these operands, no byte beside which it may touch. */
    function call(
      name: keyof typeof entries,
      operands: readonly (Float32Array | Int32Array)[],
      rows: number,
      H: number,
    ) {
      const regions = operands.map(
        (values, i): Region => ({
          address: 2 ** 40 + i * 2 ** 32 + 4,
          view: new DataView(values.buffer, values.byteOffset, values.byteLength),
          writable: true,
        }),
      );
      emulator.call(entries[name].offset, [...regions.map(({ address }) => address), rows, H], regions);
    }

    it.each([1, 5, 8, 16, 19, 37])('have the bits of WebAssembly, %i columns', (H) => {
      const rows = 2;
      const [one, four] = [rows * H, rows * 4 * H];
      arena.clear();
      const [x, gates, prevC] = [wide(inputs * 4 * H, 1), wide(four, 2), wide(one, 3)];
      const [c, h, da, dc, tanh] = [one, one, four, one, one].map((count) => new Float32Array(count)) as [
        ...[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array],
      ];
      const [dh, dhNext, dcNext] = [wide(one, 4), wide(one, 5), wide(one, 6)];
      const at = [x, gates, prevC, c, h, dh, dhNext, dcNext, da, dc, tanh].map((values) => arena.put(values));
      const [xAt, gatesAt, prevCAt, cAt, hAt, dhAt, dhNextAt, dcNextAt, daAt, dcAt, tanhAt] = at as [
        ...[number, number, number, number, number, number, number, number, number, number, number],
      ];
      const index = arena.put(inputOf(rows));
      const expectSame = (found: readonly Float32Array[], places: readonly number[]) => {
        expect(found).toEqual(places.map((place, i) => arena.floats(place, found[i]!.length)));
      };

      call('rnnCell', [x, dh, tanh, inputOf(rows)], rows, H);
      arena.kernels.rnnCell(xAt, index, dhAt, tanhAt, rows, H);
      expectSame([tanh], [tanhAt]);

      call('lstmCell', [x, gates, prevC, c, h, inputOf(rows)], rows, H);
      arena.kernels.lstmCell(xAt, index, gatesAt, prevCAt, cAt, hAt, rows, H);
      expectSame([gates, c, h], [gatesAt, cAt, hAt]);

      call('lstmBackward', [gates, prevC, c, dh, da, dc], rows, H);
      arena.kernels.lstmCellBackward(gatesAt, prevCAt, cAt, dhAt, 0, 0, 0, daAt, dcAt, rows, H);
      expectSame([da, dc], [daAt, dcAt]);

      call('lstmBackwardNext', [gates, prevC, c, dh, dhNext, dcNext, da, dc], rows, H);
      arena.kernels.lstmCellBackward(gatesAt, prevCAt, cAt, dhAt, dhNextAt, dcNextAt, rows, daAt, dcAt, rows, H);
      expectSame([da, dc], [daAt, dcAt]);
    });
  });
});
