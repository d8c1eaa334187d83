import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { parametersOf, trainedView } from '../../src/engine/shared-memory.js';
import { namedViews, trainedPlaces } from '../../src/tensor/layout.js';
import { packedPlan, type Tokens } from '../../src/tensor/step-plan.js';
import { type CaptionerShape, memoryFor, raggedShard, shardInputs, shardTokens, specOf } from '../support/shard.js';

const small = { featureDim: 5, wordDim: 4, hiddenDim: 4, vocabSize: 8, steps: 5 };
const excludedWords = [0, 1, 3];
const rows = 6;

function modelOf(shape: CaptionerShape) {
  const memory = memoryFor(shape, 'float64');
  const engine = createReferenceEngine(memory);
  const gradients = engine.prepare(specOf(shape).programs.gradients, { rows, steps: shape.steps });
  const shard = raggedShard(shape, rows);
  const run = async (tokens: Tokens) => {
    const plan = packedPlan(tokens);
    const { loss } = await gradients.run({ shard: 0, plan, inputs: shardInputs(shard, plan) });
    return loss;
  };
  return { memory, tokens: shardTokens(shard), run };
}

describe('the loss of captions times their advantages', () => {
  it.each<[string, CaptionerShape]>([
    ['an LSTM', { cell: 'lstm', ...small }],
    ['a GRU with tied embeddings', { cell: 'gru', ...small, tieEmbeddings: true }],
    ['a model without some words', { cell: 'lstm', ...small, excludedWords }],
    ['a temperature', { cell: 'rnn', ...small, excludedWords, temperature: 0.6 }],
    ['attention', { cell: 'lstm', ...small, excludedWords, grid: { positions: 3, columns: 4 } }],
  ])('has the gradient that central differences in float64 give, with %s', async (_title, shape) => {
    const { memory, tokens, run } = modelOf(shape);
    const weighed = { ...tokens, weights: Float32Array.of(0.75, -1.5, 0, 2, -0.125, -3) };
    await run(weighed);
    const analytic = Float64Array.from(trainedView(memory, memory.slots[0]!));
    const flat = parametersOf(memory);
    const h = 1e-5;
    for (const { name, offset, size } of trainedPlaces(memory.layout)) {
      const numeric = new Float64Array(size);
      for (let i = 0; i < size; i++) {
        const value = flat[offset + i]!;
        flat[offset + i] = value + h;
        const above = await run(weighed);
        flat[offset + i] = value - h;
        const below = await run(weighed);
        flat[offset + i] = value;
        numeric[i] = (above - below) / (2 * h);
      }
      const found = analytic.subarray(offset, offset + size);
      const largest = found.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      const difference = found.reduce((a, b, i) => Math.max(a, Math.abs(b - numeric[i]!)), 0);
      expect(difference, name).toBeLessThan(1e-8 * Math.max(1, largest));
    }
  });

  it('is of a distribution over the other words, where words are excluded', async () => {
    const { memory, tokens, run } = modelOf({ cell: 'lstm', ...small, excludedWords, temperature: 0.6 });
    let total = 0;
    for (let word = 0; word < small.vocabSize; word++) {
      if (excludedWords.includes(word)) continue;
      const oneWord = { ...tokens, targets: new Int32Array(tokens.targets.length) };
      oneWord.targets[0] = word;
      total += Math.exp(-(await run(oneWord)));
    }
    expect(total).toBeCloseTo(1, 12);
    const { b_vocab } = namedViews(trainedView(memory, memory.slots[0]!), memory.layout);
    expect(excludedWords.map((word) => b_vocab![word])).toEqual([0, 0, 0]);
  });
});
