import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { libraryProductSizes, nativeLibraries } from '../../../src/engine/cpu/suppliers/blas/library.js';
import { generatedProductSizes } from '../../../src/engine/cpu/suppliers/native/generated-products.js';
import type { ProductSizes } from '../../../src/engine/cpu/suppliers/products.js';
import { wasmProductSizes } from '../../../src/engine/cpu/suppliers/wasm-products.js';
import { dryRun, programNeeds } from '../../../src/engine/cpu/working-memory.js';
import { layoutOf } from '../../../src/tensor/layout.js';
import { packedPlan, type StepPlan } from '../../../src/tensor/step-plan.js';
import { type CaptionerShape, specOf } from '../../support/shard.js';

const steps = 5;

const plain: readonly CaptionerShape[] = (['rnn', 'lstm', 'gru'] as const).flatMap((cell) =>
  [1, 3].flatMap((layers) =>
    [8, 201].map((vocabSize) => {
      return { cell, layers, residual: layers > 1, featureDim: 9, wordDim: 6, hiddenDim: 16, vocabSize, steps };
    }),
  ),
);

const dropout = { words: 0.5, hidden: 0.5, image: 0.5 };
const shapes: readonly CaptionerShape[] = [
  ...plain,
  ...(['everyStep', 'firstWord'] as const).map((imageTo): CaptionerShape => {
    const [wordDim, hiddenDim] = [16, 16];
    return { ...plain[0]!, cell: 'lstm', layers: 2, wordDim, hiddenDim, tieEmbeddings: true, imageTo, dropout };
  }),
  { ...plain[0]!, cell: 'lstm', grid: { positions: 5, columns: 12 }, dropout: { ...dropout, context: 0.5 } },
];

const sizes: readonly (readonly [string, ProductSizes])[] = [
  ['WebAssembly', wasmProductSizes],
  ...(['AVX2', 'AVX-512', 'AVX512-BF16'] as const).map(
    (set) => [`${set} kernels`, generatedProductSizes(set)] as const,
  ),
  ...nativeLibraries.map((library) => [library, libraryProductSizes(library)] as const),
];

/** A plan of captions with these numbers of words; words are read as they come, all different if there are enough. */
function planOf(lengths: readonly number[], vocabSize: number): StepPlan {
  const cell = (r: number, t: number) => (t < lengths[r]! ? 1 + ((r * steps + t) % (vocabSize - 1)) : 0);
  const words = Int32Array.from({ length: lengths.length * steps }, (_, i) => cell(Math.floor(i / steps), i % steps));
  return packedPlan({ rows: lengths.length, steps, inputs: words, targets: words, weights: null });
}

/** Mostly long captions, which need the most. */
const lengths = (rows: number) =>
  fc.array(fc.oneof(fc.constant(steps), fc.integer({ min: 0, max: steps })), { minLength: 1, maxLength: rows });

describe.each(sizes)('the working memory planned for products of %s', (_, products) => {
  it.each(shapes)('is enough for whatever captions come, $cell in $layers layers, V = $vocabSize', (shape) => {
    const { parameters, programs } = specOf(shape);
    const layout = layoutOf(parameters);
    for (const rows of [3, 200]) {
      const planned = programNeeds(programs.gradients, layout, { rows, steps }, products);
      const isEnough = (given: readonly number[]) => {
        const plan = planOf(given, shape.vocabSize);
        if (plan.steps === 0) return;
        const needed = dryRun(programs.gradients, layout, plan, products);
        expect(needed.tensorBytes).toBeLessThanOrEqual(planned.tensorBytes);
        expect(needed.scratchBytes).toBeLessThanOrEqual(planned.scratchBytes);
      };
      for (let short = 1; short < steps; short++)
        isEnough(Array.from({ length: rows }, (_, r) => (r > 0 ? steps : short)));
      fc.assert(fc.property(lengths(rows), isEnough), { numRuns: 40, seed: 1 });
    }
  });
});
