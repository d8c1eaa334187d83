import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { drawnFrom } from '../../src/model/drawn-word.js';
import { sampledInputs } from '../../src/model/scheduled-sampling.js';
import { keyOf, wordsAt } from '../../src/tensor/draws.js';
import { decodingPlan, packedPlan, paddedPlan, type StepPlan } from '../../src/tensor/step-plan.js';
import { type CaptionerShape, memoryFor, raggedShard, shardInputs, shardTokens, specOf } from '../support/shard.js';

const shape: CaptionerShape = {
  cell: 'lstm',
  featureDim: 5,
  wordDim: 3,
  hiddenDim: 4,
  vocabSize: 9,
  steps: 5,
  imageTo: 'everyStep',
};
const T = shape.steps;
const rows = 7;
const shard = raggedShard(shape, rows);
const tokens = shardTokens(shard);
const { start, step } = specOf(shape).programs;
const engine = createReferenceEngine(memoryFor(shape, 'float64'));
const limits = { rows, steps: T };
const programs = { start: engine.prepare(start, limits), step: engine.prepare(step, limits) };
const lengthOf = (row: number) => 1 + (row % T);

/** @param firstRow of the whole minibatch */
function sampled(plan: StepPlan, probability: number, { step = 3, firstRow = 0 } = {}) {
  const draws = { seed: 5, step, rows: plan.order.map((row) => (row < 0 ? row : firstRow + row)) };
  return sampledInputs(programs, { shard: 0, tokens, plan, inputs: shardInputs(shard, plan) }, draws, probability);
}

function changes(read: Int32Array): number {
  return read.reduce((count, word, i) => count + (word === tokens.inputs[i] ? 0 : 1), 0);
}

describe('scheduled sampling', () => {
  it('leaves the words as they are with probability 0, and the first word of each caption always', async () => {
    expect(await sampled(packedPlan(tokens), 0)).toEqual(tokens.inputs);
    const read = await sampled(packedPlan(tokens), 1);
    for (let row = 0; row < rows; row++) expect(read[row * T]).toBe(1);
    expect(changes(read)).toBeGreaterThan(rows);
  });

  it('draws the same words in packed and in padded plans, and others in another step or row', async () => {
    for (const probability of [0.3, 1]) {
      const read = await sampled(packedPlan(tokens), probability);
      const padded = await sampled(paddedPlan(tokens, rows + 2), probability);
      for (let row = 0; row < rows; row++) {
        const [from, to] = [row * T, row * T + lengthOf(row)];
        expect(padded.subarray(from, to)).toEqual(read.subarray(from, to));
      }
      expect(await sampled(packedPlan(tokens), probability, { step: 4 })).not.toEqual(read);
      expect(await sampled(packedPlan(tokens), probability, { firstRow: 1 })).not.toEqual(read);
      expect(await sampled(packedPlan(tokens), probability)).toEqual(read);
    }
  });

  it('draws each word from what the model expects after the words read so far', async () => {
    const plan = packedPlan(tokens);
    const read = await sampled(plan, 1);
    const inputs = shardInputs(shard, plan);
    let { tensors: state } = await programs.start.run({ shard: 0, plan: decodingPlan(new Int32Array(rows)), inputs });
    const key = keyOf({ seed: 5 }, 'scheduled sampling');
    for (let t = 0; t + 1 < plan.steps; t++) {
      const words = plan.order.map((row) => read[row * T + t]!);
      const { tensors } = await programs.step.run({ shard: 0, plan: decodingPlan(words), inputs: state });
      for (let r = 0; r < plan.live[t + 1]!; r++) {
        const row = plan.order[r]!;
        const expected = tensors.scores!.data.subarray(r * shape.vocabSize, (r + 1) * shape.vocabSize);
        expect(read[row * T + t + 1]).toBe(drawnFrom(expected, wordsAt(key, 3, row, t + 1, 0)[1] / 2 ** 32));
      }
      state = { ...state, ...tensors };
    }
  });
});

describe('a word drawn from scores', () => {
  it('is each one as often as its softmax says', () => {
    const scores = Float32Array.of(0, Math.log(2), -Infinity, Math.log(5));
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 8000; i++) counts[drawnFrom(scores, (i + 0.5) / 8000)]!++;
    expect(counts).toEqual([1000, 2000, 0, 5000]);
  });

  it('is one of the possible words however close the number is to 1, and whatever the size of the scores', () => {
    expect(drawnFrom(Float32Array.of(3e38, -3e38, 3e38, -Infinity), 1 - 2 ** -32)).toBe(2);
    expect(drawnFrom(Float32Array.of(-1e30, -1e30), 0)).toBe(0);
  });
});
