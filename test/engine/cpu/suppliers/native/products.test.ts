import { describe, expect, it } from 'vitest';
import { blockBytes, blocksOf, panelBytes } from '../../../../../src/engine/cpu/suppliers/native/blocking.js';
import {
  type GeneratedSet,
  generationSupport,
  loadGeneratedKernels,
  operandsOf,
} from '../../../../../src/engine/cpu/suppliers/native/generated-kernels.js';
import { productFlags } from '../../../../../src/engine/cpu/suppliers/native/product-code.js';
import type { ElementType } from '../../../../../src/engine/cpu/suppliers/products.js';
import { describeWith } from '../../../../support/requirements.js';
import { uniform } from '../../kernels-memory.js';
import { chainOf, ofUpperHalves, type ProductCase, startOf, upperHalves } from './fused-chain.js';
import { GuardedMemory, type Side } from './guarded-memory.js';

const mebi = 2 ** 20;

interface Case extends ProductCase {
  readonly bias: boolean;
  readonly accumulate?: boolean;
  readonly prepared?: boolean;
  /** Rows of C whose elements are compared: every one, or every so many. */
  readonly every?: number;
  /** Others than random ones. */
  readonly operands?: { readonly a: Float32Array; readonly b: Float32Array };
}

/** What a product was made of, copied, and its result. */
interface Multiplied {
  readonly side: Side;
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly row: Float32Array;
  readonly before: Float32Array;
  readonly c: Float32Array;
}

for (const operands of ['float32', 'bf16'] as const) {
  describeWith({ generated: operands }, `products of ${operands} by generated kernels`, () => {
    describe.each(generationSupport(operands).sets)('%s', testProducts);
  });
}

function testProducts(set: GeneratedSet): void {
  const multiply = productsOf(set);

  /** The product with its operands at either end of guarded memory, each element compared bit by bit. */
  function check(product: Case): void {
    const { N } = product;
    const found = (['start', 'end'] as const).map((side) => multiply(product, side));
    for (const [at, expected] of expectedElements(product, found[0]!)) {
      for (const { side, c } of found) {
        if (Object.is(c[at], expected)) continue;
        const what = JSON.stringify({ ...product, side });
        expect.fail(`${what}: element (${Math.floor(at / N)},${at % N}) is ${c[at]} and not ${expected}`);
      }
    }
  }

  /** Every element that is compared, by its place in C. */
  function* expectedElements(product: Case, { a, b, row, before }: Multiplied): Iterable<[number, number]> {
    const { M, N, bias, accumulate = false, every = 1 } = product;
    for (let at = 0; at < M * N; at += every) {
      const [i, j] = [Math.floor(at / N), at % N];
      const start = startOf(accumulate ? before[at]! : null, bias ? row[j]! : null);
      yield [at, chainOf(product, a, b, i, j, start, operandsOf(set))];
    }
  }

  const shapesNear = (
    sizes: readonly number[],
    at: (size: number, other: number) => readonly [number, number, number],
  ) => sizes.flatMap((size) => [1, 2, 5].map((other) => at(size, other)));
  const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);
  const edges = [
    ...shapesNear(upTo(30), (M, other) => [M, 9 * other, 7 * other]),
    ...shapesNear(upTo(70), (N, other) => [4 * other, N, 6 * other]),
    ...shapesNear([0, ...upTo(20), 255, 256, 257, 258, 511, 513, 600, 1023, 1025, 1027], (K, other) => [
      3 * other,
      5 * other + 8,
      K,
    ]),
  ];

  it.each([
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ])(
    'are chains of fused multiply-adds at every edge of M, N and K, A transposed %s, B %s',
    (transposeA, transposeB) => {
      for (const [M, N, K] of edges) {
        const bias = (M + N + K) % 2 === 0;
        check({ transposeA, transposeB, M, N, K, bias });
        check({ transposeA, transposeB, M, N, K, bias: !bias, prepared: true });
        check({ transposeA, transposeB, M, N, K, bias, accumulate: true });
      }
    },
  );

  it.each([
    [50, 2048, 512],
    [50, 512, 2048],
    [36, 2048, 512],
    [50, 512, 512],
    [800, 992, 512],
    [512, 2048, 800],
    [301, 2500, 3],
  ])('are such chains in (%i,%i) with a depth of %i', (M, N, K) => {
    const every = 499;
    check({ transposeA: false, transposeB: false, M, N, K, bias: true, every });
    check({ transposeA: false, transposeB: true, M, N, K, bias: false, every, prepared: true });
    check({ transposeA: true, transposeB: false, M, N, K, bias: false, every, accumulate: true });
    check({ transposeA: true, transposeB: true, M, N, K, bias: true, every });
  });

  it('write nothing where there is no row or no column', () => {
    for (const [M, N] of [
      [0, 5],
      [5, 0],
      [0, 0],
    ] as const) {
      check({ transposeA: false, transposeB: false, M, N, K: 4, bias: true });
      check({ transposeA: false, transposeB: true, M, N, K: 4, bias: true, prepared: true });
    }
  });

  it('pass on what is no number, and infinities, as a chain does', () => {
    const special = [0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 1e-40, -3e38, 3e38];
    const pick = (count: number, step: number) =>
      Float32Array.from({ length: count }, (_, i) => special[(i * step + (i >> 3)) % special.length]!);
    check({
      ...{ transposeA: false, transposeB: false, M: 15, N: 37, K: 3, bias: true },
      operands: { a: pick(15 * 3, 3), b: pick(3 * 37, 7) },
    });
  });
}

/** Runs products of one set in guarded memory. */
function productsOf(set: GeneratedSet) {
  const { tile, multiply, prepare } = loadGeneratedKernels(set);
  const elements = operandsOf(set);
  const [memoryA, memoryB, memoryC, memoryBias, memoryPrepared, memoryScratch] = [4, 8, 8, 1, 8, 8].map(
    (size) => new GuardedMemory(size * mebi),
  ) as [...[GuardedMemory, GuardedMemory, GuardedMemory, GuardedMemory, GuardedMemory, GuardedMemory]];

  return (product: Case, side: Side): Multiplied => {
    const { transposeA, transposeB, M, N, K, bias, accumulate = false, prepared = false, operands } = product;
    const a = placeOperand(elements, memoryA, operands?.a ?? uniform(M * K, M + 7 * K), side);
    const b = placeOperand(elements, memoryB, operands?.b ?? uniform(K * N, N + 13 * K), side);
    const c = memoryC.floats(M * N, side);
    const row = memoryBias.floats(N, side);
    const panels = memoryPrepared.floats(panelBytes(tile, N, K) / 4, side);
    const scratch = memoryScratch.floats(Math.ceil(blockBytes(tile, M, K) / 4), side);
    row.values.set(uniform(N, 9));
    const before = uniform(M * N, 5);
    c.values.set(before);
    scratch.values.fill(Number.NaN);
    panels.values.fill(Number.NaN);
    const flags =
      (transposeA ? productFlags.transposeA : 0) |
      (transposeB ? productFlags.transposeB : 0) |
      (prepared ? productFlags.prepared : 0) |
      (accumulate ? productFlags.accumulate : 0);
    if (prepared) prepare(b.address, panels.address, N, K, transposeB ? 1 : 0);
    const { rows, columns, depth } = blocksOf(tile, M, K);
    multiply(
      a.address,
      (prepared ? panels : b).address,
      c.address,
      bias ? row.address : 0,
      scratch.address,
      M,
      N,
      K,
      rows,
      prepared ? Math.max(N, 1) : columns,
      depth,
      flags,
    );
    const copies = { a: a.values.slice(), b: b.values.slice(), row: row.values.slice(), c: c.values.slice() };
    return { side, before, ...copies };
  };
}

/** Writes an operand to memory, and gives the numbers that it then holds. */
function placeOperand(type: ElementType, memory: GuardedMemory, wanted: Float32Array, side: Side) {
  if (type === 'float32') {
    const { address, values } = memory.floats(wanted.length, side);
    values.set(wanted);
    return { address, values };
  }
  const { address, values } = memory.halves(wanted.length, side);
  values.set(upperHalves(wanted));
  return { address, values: ofUpperHalves(values) };
}
