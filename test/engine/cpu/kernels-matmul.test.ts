import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packedBytes, sgemmScratchBytes } from '../../../src/engine/cpu/kernels.js';
import { guardedMemory, runnableSets, uniform } from './kernels-memory.js';
import { fusedMultiplyAdd, startOf } from './suppliers/native/fused-chain.js';

interface Case {
  M: number;
  N: number;
  K: number;
  transA: boolean;
  transB: boolean;
  accumulate: boolean;
  bias: boolean;
  /** Elements between the rows of A, B and C. */
  gaps: readonly [number, number, number];
}

describe.each(runnableSets)('%s', (instructionSet) => {
  const arena = guardedMemory(instructionSet, 48);
  const unit = 2 ** -24;
  const flag = (value: boolean) => (value ? 1 : 0);
  const roundedTwice = (a: number, b: number, c: number) => Math.fround(Math.fround(a * b) + c);
  const multiplyAdd = instructionSet === 'wasm relaxed simd' ? fusedMultiplyAdd : roundedTwice;

  /**
   * Runs `sgemm` and `packB` with `sgemmPacked`, and compares both with float64, element by element, and some elements
   * with the bits of the chain that they promise.
   */
  function check({ M, N, K, transA, transB, accumulate, bias, gaps }: Case): void {
    arena.clear();
    const lda = (transA ? M : K) + gaps[0];
    const ldb = (transB ? K : N) + gaps[1];
    const ldc = N + gaps[2];
    const extent = (rows: number, columns: number, stride: number) => (rows === 0 ? 0 : (rows - 1) * stride + columns);
    const aValues = uniform(extent(transA ? K : M, transA ? M : K, lda), M + 7 * K);
    const bValues = uniform(extent(transB ? N : K, transB ? K : N, ldb), N + 13 * K);
    const cValues = uniform(extent(M, N, ldc), 5);
    const biasValues = uniform(N, 9);
    const a = arena.put(aValues);
    const b = arena.put(bValues);
    const c = arena.put(cValues);
    const cPacked = arena.put(cValues);
    const biasAt = bias ? arena.put(biasValues) : 0;
    const packed = arena.take(packedBytes(N, K));
    const scratch = arena.take(sgemmScratchBytes);
    const { kernels } = arena;
    kernels.sgemm(flag(transA), flag(transB), M, N, K, a, lda, b, ldb, flag(accumulate), c, ldc, biasAt, scratch);
    kernels.packB(flag(transB), N, K, b, ldb, packed);
    kernels.sgemmPacked(flag(transA), M, N, K, a, lda, packed, flag(accumulate), cPacked, ldc, biasAt, scratch);
    arena.checkGuards();

    const expected = Float64Array.from(cValues);
    const bound = new Float64Array(cValues.length);
    const chains = new Map<number, number>();
    const every = M * N * K > 1e6 ? 13 : 1;
    for (let i = 0; i < M; i++) {
      for (let j = 0; j < N; j++) {
        const at = i * ldc + j;
        let sum = (accumulate ? cValues[at]! : 0) + (bias ? biasValues[j]! : 0);
        let magnitude = 2;
        let chain = startOf(accumulate ? cValues[at]! : null, bias ? biasValues[j]! : null);
        for (let k = 0; k < K; k++) {
          const x = aValues[transA ? k * lda + i : i * lda + k]!;
          const y = bValues[transB ? j * ldb + k : k * ldb + j]!;
          sum += x * y;
          magnitude += Math.abs(x * y);
          if (at % every === 0) chain = multiplyAdd(x, y, chain);
        }
        expected[at] = sum;
        if (at % every === 0) chains.set(at, chain);
        // Rounding errors of a sum of K products in any order: K + 2 roundings of the magnitudes' sum at most.
        bound[at] = (K + 2) * unit * magnitude;
      }
    }
    for (const got of [arena.floats(c, cValues.length), arena.floats(cPacked, cValues.length)]) {
      const wrong = got.findIndex((value, at) => !(Math.abs(value - expected[at]!) <= bound[at]!));
      if (wrong >= 0) {
        throw new Error(`row ${Math.floor(wrong / ldc)}, column ${wrong % ldc}: ${got[wrong]} for ${expected[wrong]}`);
      }
      for (const [at, chain] of chains) {
        if (!Object.is(got[at], chain)) {
          throw new Error(`row ${Math.floor(at / ldc)}, column ${at % ldc}: ${got[at]} for the chain ${chain}`);
        }
      }
    }
  }

  test('products of any shape equal those in float64 and leave all other memory alone', () => {
    const size = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) }, fc.integer({ min: 1, max: 150 }));
    const gap = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(
        fc.record({
          M: size,
          N: size,
          K: fc.oneof(size, fc.integer({ min: 0, max: 600 })),
          transA: fc.boolean(),
          transB: fc.boolean(),
          accumulate: fc.boolean(),
          bias: fc.boolean(),
          gaps: fc.tuple(gap, gap, gap),
        }),
        check,
      ),
      { numRuns: 300, seed: 231 },
    );
  });

  test('products that need several blocks in every direction are exact at their seams', () => {
    const plain = { transA: false, transB: false, accumulate: false, bias: true, gaps: [0, 0, 0] as const };
    check({ ...plain, M: 200, N: 70, K: 1100 });
    check({ ...plain, M: 401, N: 33, K: 513, transA: true, accumulate: true });
    check({ ...plain, M: 9, N: 2101, K: 520, transB: true });
    check({ ...plain, M: 1, N: 1186, K: 2048, bias: false, accumulate: true });
  });

  test('the same product has the same bits every time', () => {
    arena.clear();
    const [M, N, K] = [50, 515, 300];
    const a = arena.put(uniform(M * K, 3));
    const b = arena.put(uniform(K * N, 4));
    const c = arena.take(M * N * 4);
    const scratch = arena.take(sgemmScratchBytes);
    const run = () => {
      arena.kernels.sgemm(0, 0, M, N, K, a, K, b, N, 0, c, N, 0, scratch);
      return Buffer.from(arena.floats(c, M * N).buffer);
    };
    const first = run();
    for (let i = 0; i < 50; i++) expect(run().equals(first)).toBe(true);
  });

  test('operands may lie above 2 GiB', () => {
    const high = guardedMemory(instructionSet, 4096, 2 ** 32 - 2 ** 24);
    const a = high.put([1, 2, 3, 4]);
    const b = high.put([5, 6, 7, 8]);
    const c = high.take(16);
    high.kernels.sgemm(0, 0, 2, 2, 2, a, 2, b, 2, 0, c, 2, 0, high.take(sgemmScratchBytes));
    expect([...high.floats(c, 4)]).toEqual([19, 22, 43, 50]);
    high.checkGuards();
  });
});
