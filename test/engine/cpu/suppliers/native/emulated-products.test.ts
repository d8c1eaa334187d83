import { expect, it } from 'vitest';
import {
  blockBytes,
  blocksOf,
  panelBytes,
  type TileShape,
} from '../../../../../src/engine/cpu/suppliers/native/blocking.js';
import {
  operandsOf as elementTypeOf,
  generationSupport,
  loadGeneratedKernels,
  tileOf,
} from '../../../../../src/engine/cpu/suppliers/native/generated-kernels.js';
import { productFlags } from '../../../../../src/engine/cpu/suppliers/native/product-code.js';
import { generateProducts } from '../../../../../src/engine/cpu/suppliers/native/x64/generate-products.js';
import { avx2, avx512, avx512Bf16 } from '../../../../../src/engine/cpu/suppliers/native/x64/vector-set.js';
import type { ElementType } from '../../../../../src/engine/cpu/suppliers/products.js';
import { describeWith } from '../../../../support/requirements.js';
import { uniform } from '../../kernels-memory.js';
import { Emulator, type Region } from './emulator.js';
import { chainOf, ofUpperHalves, type ProductCase, startOf, upperHalves } from './fused-chain.js';
import { GuardedMemory } from './guarded-memory.js';

interface Case extends ProductCase {
  readonly flags: number;
  readonly bias: boolean;
}

/** Every kind of product at sizes around the tiles' edges. */
const cases: readonly Case[] = [
  [1, 1, 1],
  [5, 15, 3],
  [6, 16, 8],
  [7, 31, 9],
  [13, 32, 4],
  [14, 33, 5],
  [25, 47, 13],
  [27, 65, 12],
  [40, 130, 2],
  [3, 9, 0],
  [2, 5, 530],
  [2, 3, 1031],
].flatMap(([M, N, K]) =>
  [false, true].flatMap((transposeA) =>
    [false, true].flatMap((transposeB) =>
      [0, productFlags.accumulate, productFlags.prepared].map((extra) => ({
        transposeA,
        transposeB,
        M: M!,
        N: N!,
        K: K!,
        bias: (M! + extra) % 2 === 1,
        flags: extra | (transposeA ? productFlags.transposeA : 0) | (transposeB ? productFlags.transposeB : 0),
      })),
    ),
  ),
);

describeWith({ command: 'objdump' }, 'generated kernels on an emulated processor', () => {
  it.each([avx2, avx512, avx512Bf16])(
    'compute the promised chains, and touch no byte beside their operands, $name',
    (set) => {
      const { code, entries } = generateProducts(set);
      const emulator = new Emulator(code);
      const tile = tileOf(set.name);
      const elements = elementTypeOf(set.name);
      for (const product of cases) {
        const { a, b, row, before } = operandsOf(product, elements);
        const c = multiplyEmulated(emulator, entries, tile, product, elements);
        const { M, N, flags, bias } = product;
        for (let at = 0; at < M * N; at++) {
          const [i, j] = [Math.floor(at / N), at % N];
          const start = startOf(flags & productFlags.accumulate ? before[at]! : null, bias ? row[j]! : null);
          const expected = chainOf(product, a, b, i, j, start, elements);
          if (!Object.is(c[at], expected))
            expect.fail(`${JSON.stringify(product)}: (${i},${j}) ${c[at]}, not ${expected}`);
        }
      }
      expect(emulator.executed.get(elements === 'bf16' ? 'vdpbf16ps' : 'vfmadd231ps')).toBeGreaterThan(1000);
    },
  );

  it.skipIf(!generationSupport('float32').sets.includes('AVX2'))('do what this processor does', () => {
    const { code, entries } = generateProducts(avx2);
    const emulator = new Emulator(code);
    for (const product of cases) {
      const emulated = multiplyEmulated(emulator, entries, tileOf('AVX2'), product, 'float32');
      expect(multiplyHere(product), JSON.stringify(product)).toEqual(emulated);
    }
  });
});

function operandsOf({ M, N, K }: Case, elements: ElementType) {
  const operand = (count: number, seed: number) => {
    const values = uniform(count, seed);
    return elements === 'bf16' ? ofUpperHalves(upperHalves(values)) : values;
  };
  return {
    a: operand(M * K, M + 7 * K),
    b: operand(K * N, N + 13 * K),
    row: uniform(N, 9),
    before: uniform(M * N, 5),
  };
}

function sizesOf(tile: TileShape, { M, N, K, flags }: Case) {
  const { rows, columns, depth } = blocksOf(tile, M, K);
  const width = flags & productFlags.prepared ? N : columns;
  return { blocks: [rows, width, depth], panels: panelBytes(tile, N, K), scratch: blockBytes(tile, M, K) };
}

function multiplyEmulated(
  emulator: Emulator,
  entries: { multiply: { offset: number }; prepare: { offset: number } },
  tile: TileShape,
  product: Case,
  elements: ElementType,
): Float32Array {
  const { M, N, K, flags, bias, transposeB } = product;
  const { a, b, row, before } = operandsOf(product, elements);
  const stored = (values: Float32Array) => (elements === 'bf16' ? upperHalves(values) : values);
  const { blocks, panels, scratch } = sizesOf(tile, product);
  const place = (index: number, values: Float32Array | Uint16Array, writable = false): Region => ({
    address: 2 ** 40 + index * 2 ** 32 + 4,
    view: new DataView(values.buffer, values.byteOffset, values.byteLength),
    writable,
  });
  const nothing = (bytes: number) => new Float32Array(Math.ceil(bytes / 4)).fill(Number.NaN);
  const at = {
    a: place(0, stored(a)),
    b: place(1, stored(b)),
    c: place(2, before, true),
    row: place(3, row),
    panels: place(4, nothing(panels), true),
    scratch: place(5, nothing(scratch), true),
  };
  const isPrepared = (flags & productFlags.prepared) !== 0;
  if (isPrepared) {
    const parameters = [at.b.address, at.panels.address, N, K, transposeB ? 1 : 0];
    emulator.call(entries.prepare.offset, parameters, [at.b, at.panels]);
  }
  const used = isPrepared ? { ...at.panels, writable: false } : at.b;
  const addresses = [at.a.address, used.address, at.c.address, bias ? at.row.address : 0, at.scratch.address];
  const regions = [at.a, used, at.c, ...(bias ? [at.row] : []), at.scratch];
  emulator.call(entries.multiply.offset, [...addresses, M, N, K, ...blocks, flags], regions);
  return before;
}

const isRunnable = generationSupport('float32').sets.length > 0;
const memories = Array.from({ length: isRunnable ? 6 : 0 }, () => new GuardedMemory(2 ** 20));

function multiplyHere(product: Case): Float32Array {
  const { M, N, K, flags, bias, transposeB } = product;
  const { multiply, prepare, tile } = loadGeneratedKernels('AVX2');
  const { a, b, row, before } = operandsOf(product, 'float32');
  const { blocks, panels, scratch } = sizesOf(tile, product);
  const counts = [a.length, b.length, M * N, N, panels / 4, scratch / 4];
  const placed = memories.map((memory, i) => memory.floats(Math.ceil(counts[i]!), 'end'));
  for (const [i, values] of [a, b, before, row].entries()) placed[i]!.values.set(values);
  const [atA, atB, atC, atRow, atPanels, atScratch] = placed.map(({ address }) => address) as [
    ...[number, number, number, number, number, number],
  ];
  const isPrepared = (flags & productFlags.prepared) !== 0;
  if (isPrepared) prepare(atB, atPanels, N, K, transposeB ? 1 : 0);
  multiply(atA, isPrepared ? atPanels : atB, atC, bias ? atRow : 0, atScratch, M, N, K, ...blocks, flags);
  return placed[2]!.values.slice();
}
