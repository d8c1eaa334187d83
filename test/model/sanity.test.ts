/** The sanity checks that a captioner must pass before anyone believes it, in float64 on the reference engine. */
import { describe, expect, it } from 'vitest';
import type { Executable, Matrix, SharedMemory, Tensors } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { flatView } from '../../src/engine/shared-memory.js';
import { captionerPrograms } from '../../src/model/captioner.js';
import { greedyCaptions } from '../../src/model/decoding.js';
import { type ModelShape, parameterCount, parameterNames, parameterViews } from '../../src/model/parameters.js';
import { packedPlan, paddedPlan, type StepPlan } from '../../src/model/step-plan.js';
import { adamStep } from '../../src/training/schedule.js';
import { memoryFor, raggedShard, type Shard } from '../support/shard.js';

const tiny = { featureDim: 5, wordDim: 3, hiddenDim: 4, vocabSize: 9, steps: 5 };
const cells = ['rnn', 'lstm'] as const;

function reference(shape: ModelShape, rows: number) {
  const memory = memoryFor(shape, 'float64');
  const engine = createReferenceEngine(memory);
  const programs = captionerPrograms(shape);
  const prepare = (name: keyof typeof programs) => engine.prepare(programs[name], { rows, steps: shape.steps });
  return {
    memory,
    engine,
    gradients: prepare('gradients'),
    captionStart: prepare('captionStart'),
    captionStep: prepare('captionStep'),
  };
}

function featuresOf({ shape, features }: Shard, plan: StepPlan): Tensors<Matrix> {
  const D = shape.featureDim;
  const data = Float64Array.from({ length: plan.rows * D }, (_, at) => {
    return features[plan.order[Math.floor(at / D)]! * D + (at % D)]!;
  });
  return { features: { data, rows: plan.rows, columns: D } };
}

async function lossOf(program: Executable, shard: Shard, plan: StepPlan): Promise<number> {
  return (await program.run({ shard: 0, plan, tensors: featuresOf(shard, plan) })).loss;
}

function packed(shard: Shard): StepPlan {
  return packedPlan(shard.captions, shard.rows, shard.shape.steps + 1);
}

function gradientsIn(memory: SharedMemory) {
  return parameterViews(flatView(memory, memory.slots[0]!), memory.parameterLayout);
}

describe.each(cells)('an %s captioner', (cell) => {
  const shape = { ...tiny, cell };

  it('has the numeric gradient in every element of every parameter', async () => {
    const shard = raggedShard(shape, 6);
    shard.captions[2 * 6 + 2] = 0;
    const { memory, gradients } = reference(shape, 6);
    const plan = packed(shard);
    await lossOf(gradients, shard, plan);
    const analytic = Float64Array.from(flatView(memory, memory.slots[0]!));
    const flat = flatView(memory, memory.parameters);
    const h = 1e-5;
    for (const { name, offset, size } of memory.parameterLayout.places) {
      let worst = 0;
      for (let at = offset; at < offset + size; at++) {
        const value = flat[at]!;
        flat[at] = value + h;
        const above = await lossOf(gradients, shard, plan);
        flat[at] = value - h;
        const below = await lossOf(gradients, shard, plan);
        flat[at] = value;
        const numeric = (above - below) / (2 * h);
        worst = Math.max(worst, Math.abs(analytic[at]! - numeric) / Math.max(1e-3, Math.abs(numeric)));
      }
      expect(worst, name).toBeLessThan(1e-6);
    }
  });

  it('has the same loss and gradients whether finished captions are skipped or padded', async () => {
    const shard = raggedShard(shape, 7);
    const { memory, gradients } = reference(shape, 7);
    const skipping = await lossOf(gradients, shard, packed(shard));
    const expected = flatView(memory, memory.slots[0]!).slice();
    const padding = await lossOf(gradients, shard, paddedPlan(shard.captions, 7, shape.steps + 1));
    expect(padding).toBeCloseTo(skipping, 10);
    flatView(memory, memory.slots[0]!).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 10);
    });
  });

  it('gets exactly zero gradient from padded positions', async () => {
    const shard = raggedShard(shape, 3);
    // Row 0 has one word and ends; what stands in its padding is another word than NULL's neighbours use.
    shard.captions.fill(0);
    shard.captions.set([1, 4, 2], 0);
    const { memory, gradients } = reference(shape, 3);
    await lossOf(gradients, shard, paddedPlan(shard.captions, 3, shape.steps + 1));
    const { W_embed, W_proj } = gradientsIn(memory);
    const W = shape.wordDim;
    expect([...W_embed.subarray(0, W)].every((value) => value === 0)).toBe(true);
    expect([...W_embed.subarray(W, 2 * W)].some((value) => value !== 0)).toBe(true);
    expect([...W_proj].some((value) => value !== 0)).toBe(true);
  });

  it('memorises six toy captions', async () => {
    const larger = { ...shape, hiddenDim: 24, wordDim: 12, vocabSize: 12 };
    const shard = raggedShard(larger, 6);
    const { memory, engine, gradients, captionStart, captionStep } = reference(larger, 6);
    const plan = packed(shard);
    let loss = Number.POSITIVE_INFINITY;
    for (let step = 1; step <= 300; step++) {
      loss = (await lossOf(gradients, shard, plan)) / 6;
      const adam = adamStep({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }, step, 0.02, 6);
      engine.adam(adam, 0, memory.parameterLayout.length);
    }
    expect(loss).toBeLessThan(0.1);
    const features = { data: shard.features, rows: 6, columns: larger.featureDim };
    const captions = await greedyCaptions({ captionStart, captionStep }, features, 5, { start: 1, end: 2 }, 0);
    captions.forEach((caption, r) => {
      const truth = [...shard.captions.subarray(r * 6 + 1, (r + 1) * 6)].filter((word) => word !== 0);
      expect(caption).toEqual(truth);
    });
  });

  it('has as many parameters as its formula says', () => {
    const { featureDim: D, wordDim: W, hiddenDim: H, vocabSize: V } = tiny;
    const G = cell === 'lstm' ? 4 * H : H;
    expect(parameterCount(shape)).toBe(D * H + H + V * W + W * G + H * G + G + H * V + V);
    const { places } = memoryFor(shape, 'float64').parameterLayout;
    expect(places.reduce((sum, { size }) => sum + size, 0)).toBe(parameterCount(shape));
    expect(places.map(({ name }) => name)).toEqual([...parameterNames]);
  });
});
