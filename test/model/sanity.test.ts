/** The sanity checks that a captioner must pass before anyone believes it, in float64 on the reference engine. */
import { describe, expect, it } from 'vitest';
import { productOperations } from '../../src/engine/cost.js';
import type { Executable, SharedMemory } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { parametersOf, trainedView } from '../../src/engine/shared-memory.js';
import { noDropout } from '../../src/model/captioner-options.js';
import { builtInCells, type CellName } from '../../src/model/cells/built-in.js';
import { greedy } from '../../src/model/decoding/decoding.js';
import { generateCaptions } from '../../src/model/decoding/generate.js';
import { layoutOf, namedViews, trainedPlaces } from '../../src/tensor/layout.js';
import { parameterCount } from '../../src/tensor/model-spec.js';
import { packedPlan, paddedPlan, type StepPlan } from '../../src/tensor/step-plan.js';
import { noDecay } from '../../src/tensor/update-rules.js';
import { drawParameters } from '../../src/training/loop/initial-parameters.js';
import {
  type CaptionerShape,
  cellOf,
  imageInputs,
  memoryFor,
  raggedShard,
  type Shard,
  shardInputs,
  shardTokens,
  specOf,
} from '../support/shard.js';

const tiny = { featureDim: 5, wordDim: 3, hiddenDim: 4, vocabSize: 9, steps: 5 };
const stacks = [
  { layers: 1, residual: false, title: '' },
  { layers: 2, residual: false, title: ' of two layers' },
  { layers: 2, residual: true, title: ' of two layers with a residual connection' },
];
const stacked = (Object.keys(builtInCells) as CellName[]).flatMap((cell) =>
  stacks.map((stack) => ({ ...tiny, ...stack, cell, title: cell + stack.title })),
);
const tied = { tieEmbeddings: true, wordDim: tiny.hiddenDim };
/** One more thing on top of the course's captioner each, and some together. */
const variants = (['rnn', 'lstm', 'gru'] as const).flatMap((cell) =>
  (
    [
      [', the image at every step', { imageTo: 'everyStep' }],
      [', the image as first word', { imageTo: 'firstWord' }],
      [' with tied embeddings', tied],
      [' with smoothed labels', { labelSmoothing: 0.1 }],
      [' with standardised features', { standardize: true }],
      [' with dropout', { dropout: { words: 0.3, hidden: 0.5, image: 0.2 } }],
      [' in layers, the image at every step', { layers: 3, residual: true, imageTo: 'everyStep' }],
      [
        ' in layers, the image as first word, tied, with dropout',
        { layers: 3, residual: true, imageTo: 'firstWord', ...tied, dropout: { words: 0.1, hidden: 0.3, image: 0.1 } },
      ],
    ] as const
  ).map(([title, options]) => ({ ...tiny, cell, ...options, title: cell + title })),
);
const grid = { positions: 3, columns: 4 };
const attending = (['rnn', 'lstm', 'gru'] as const).flatMap((cell) =>
  (
    [
      [' that attends to a grid', {}],
      [' that is to attend to all of a grid', { attentionPenalty: 0.7, attentionDim: 6 }],
      [' in layers that attends within its cell alone', { layers: 2, attentionToOutput: false, imageTo: 'everyStep' }],
      [' that attends, with dropout', { dropout: { words: 0.2, hidden: 0.2, context: 0.4 } }],
      [' that attends, tied, the image as first word', { imageTo: 'firstWord', ...tied }],
    ] as const
  ).map(([title, options]) => ({ ...tiny, cell, grid, ...options, title: cell + title })),
);
const shapes: readonly (CaptionerShape & { readonly title: string })[] = [...stacked, ...variants, ...attending];

function reference(shape: CaptionerShape, rows: number) {
  const memory = memoryFor(shape, 'float64');
  const engine = createReferenceEngine(memory);
  const { gradients, loss, start, step } = specOf(shape).programs;
  const limits = { rows, steps: shape.steps };
  return {
    memory,
    engine,
    gradients: engine.prepare(gradients, limits),
    loss: engine.prepare(loss, limits),
    start: engine.prepare(start, limits),
    step: engine.prepare(step, limits),
  };
}

async function lossOf(program: Executable, shard: Shard, plan: StepPlan): Promise<number> {
  const draws = { seed: 3, step: 1, rows: plan.order };
  return (await program.run({ shard: 0, plan, inputs: shardInputs(shard, plan), draws })).loss;
}

function packed(shard: Shard): StepPlan {
  return packedPlan(shardTokens(shard));
}

const memorising = new Set<string>();

/** Whether no captioner before was the same in all but its title. */
function isNew({ title: _, ...shape }: CaptionerShape & { readonly title: string }): boolean {
  const text = JSON.stringify(Object.entries({ layers: 1, residual: false, ...shape }).sort());
  if (memorising.has(text)) return false;
  memorising.add(text);
  return true;
}

function gradientOf(memory: SharedMemory) {
  return trainedView(memory, memory.slots[0]!);
}

describe.each(shapes)('a captioner with an $title', (shape) => {
  it('has the numeric gradient in every element of every parameter', async () => {
    const shard = raggedShard(shape, 6);
    shard.captions[2 * 6 + 2] = 0;
    const { memory, gradients } = reference(shape, 6);
    const plan = packed(shard);
    await lossOf(gradients, shard, plan);
    const analytic = Float64Array.from(gradientOf(memory));
    const flat = parametersOf(memory);
    // Round-off of the losses disturbs a smaller difference more, and their curvature a larger one.
    const h = 3e-5;
    for (const { name, offset, size } of trainedPlaces(memory.layout)) {
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
    const expected = gradientOf(memory).slice();
    const padding = await lossOf(gradients, shard, paddedPlan(shardTokens(shard)));
    expect(padding).toBeCloseTo(skipping, 10);
    gradientOf(memory).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 10);
    });
  });

  it('gets exactly zero gradient from padded positions', async () => {
    // What scores the words has a gradient in every row.
    if (shape.tieEmbeddings) return;
    const shard = raggedShard(shape, 3);
    // Row 0 has one word and ends; what stands in its padding is another word than NULL's neighbours use.
    shard.captions.fill(0);
    shard.captions.set([1, 4, 2], 0);
    const { memory, gradients } = reference(shape, 3);
    await lossOf(gradients, shard, paddedPlan(shardTokens(shard)));
    const { W_embed, W_proj } = namedViews(gradientOf(memory), memory.layout);
    const W = shape.wordDim;
    expect([...W_embed!.subarray(0, W)].every((value) => value === 0)).toBe(true);
    expect([...W_embed!.subarray(W, 2 * W)].some((value) => value !== 0)).toBe(true);
    expect([...W_proj!].some((value) => value !== 0)).toBe(true);
  });

  const larger = {
    ...shape,
    dropout: noDropout,
    labelSmoothing: 0,
    standardize: false,
    hiddenDim: 24,
    wordDim: shape.tieEmbeddings ? 24 : 12,
    vocabSize: 12,
  };
  const memorises = async () => {
    const shard = raggedShard(larger, 6);
    const { memory, engine, gradients, loss, start, step } = reference(larger, 6);
    const plan = packed(shard);
    const [beta1, beta2] = [0.9, 0.999];
    for (let t = 1; t <= 300; t++) {
      if ((await lossOf(gradients, shard, plan)) / 6 < 0.05) break;
      const stepSize = (0.02 * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
      const adam = { rule: 'adam', stepSize, beta1, beta2, epsilon: 1e-8 } as const;
      const step = { ...adam, ...noDecay, divisor: 6, limit: Number.POSITIVE_INFINITY };
      engine.update(step, 'slots', 0, memory.layout.trainedLength);
    }
    expect((await lossOf(loss, shard, plan)) / 6).toBeLessThan(0.1);
    const member = { start, step, inputs: imageInputs(shard), shard: 0, parameters: 'live' } as const;
    const ends = { start: 1, end: 2, longest: 5 };
    const captions = await generateCaptions([member], [0, 1, 2, 3, 4, 5], greedy, ends, { most: 6, fixed: false });
    captions.forEach(([caption], r) => {
      const truth = [...shard.captions.subarray(r * 6 + 1, (r + 1) * 6)].filter((word) => word !== 0);
      expect(caption!.words).toEqual(truth);
    });
  };
  if (isNew(larger)) it('memorises six toy captions', memorises);

  it('has as many parameters as its formula says', () => {
    const { featureDim: D, wordDim: W, hiddenDim: H, vocabSize: V, layers = 1, tieEmbeddings, imageTo } = shape;
    const G = cellOf(shape).gates * H;
    const extra = shape.cell === 'gru' ? H : 0;
    const layer = (inputs: number) => inputs * G + H * G + G + extra;
    const P = imageTo === 'firstWord' ? W : H;
    const image = D * P + P + (imageTo === 'everyStep' ? H * G : 0);
    const { grid, attentionDim, attentionToOutput = true } = shape;
    const [C, A] = [grid?.columns ?? 0, attentionDim ?? H];
    const attention = grid ? C * A + 2 * A + H * A + H + 1 + C * G + (attentionToOutput ? C * V : 0) : 0;
    const spec = specOf(shape);
    const words = V * W + (tieEmbeddings ? 0 : H * V) + V;
    const tables = shape.standardize ? 2 * D : 0;
    expect(parameterCount(spec)).toBe(image + words + layer(W) + (layers - 1) * layer(H) + attention + tables);
    const { places } = memoryFor(shape, 'float64').layout;
    expect(places.reduce((sum, { size }) => sum + size, 0)).toBe(parameterCount(spec));
    expect(places.map(({ name }) => name)).toEqual(spec.parameters.map(({ name }) => name));
  });
});

it("the parameters of one layer are the course's, in its order, and further layers come behind", () => {
  const names = (shape: CaptionerShape) => specOf(shape).parameters.map(({ name }) => name);
  const course = ['W_proj', 'b_proj', 'W_embed', 'Wx', 'Wh', 'b', 'W_vocab', 'b_vocab'];
  expect(names({ ...tiny, cell: 'rnn' })).toEqual(course);
  expect(names({ ...tiny, cell: 'lstm' })).toEqual(course);
  expect(names({ ...tiny, cell: 'lstm', layers: 3 })).toEqual([...course, 'Wx2', 'Wh2', 'b2', 'Wx3', 'Wh3', 'b3']);
  const gru = ['W_proj', 'b_proj', 'W_embed', 'Wx', 'Wh', 'b', 'b_hn', 'W_vocab', 'b_vocab'];
  expect(names({ ...tiny, cell: 'gru', layers: 2 })).toEqual([...gru, 'Wx2', 'Wh2', 'b2', 'b_hn2']);
});

it('an LSTM begins with the forget-gate bias it is given, and other cells have none to give', () => {
  const spec = specOf({ ...tiny, cell: 'lstm', layers: 2, forgetBias: 1.5 });
  const layout = layoutOf(spec.parameters);
  const flat = new Float64Array(layout.length);
  drawParameters(flat, layout, spec, 7);
  const { hiddenDim: H } = tiny;
  const { b, b2, Wx } = namedViews(flat, layout);
  for (const bias of [b!, b2!]) {
    expect([...bias]).toEqual(Array.from({ length: 4 * H }, (_, i) => (i >= H && i < 2 * H ? 1.5 : 0)));
  }
  const plain = specOf({ ...tiny, cell: 'lstm', layers: 2 });
  const unbiased = new Float64Array(layout.length);
  drawParameters(unbiased, layout, plain, 7);
  expect(Wx).toEqual(namedViews(unbiased, layout).Wx);
  expect(() => specOf({ ...tiny, cell: 'gru', forgetBias: 1 })).toThrow('no forget gate');
});

it('word vectors of a file are the rows of W_embed, the others drawn as far from zero, and frozen if wanted', () => {
  const shape = { ...tiny, cell: 'lstm', wordVectors: 'a file', wordVectorsTrained: false, vocabSize: 2000 } as const;
  const spec = specOf(shape);
  const layout = layoutOf(spec.parameters);
  expect(layout.places.find(({ name }) => name === 'W_embed')).toMatchObject({ trained: false, sparseRows: true });
  const vectors = new Map([
    [3, Float64Array.of(3, 4, 0)],
    [8, Float64Array.of(-3, 4, 5)],
  ]);
  const flat = new Float64Array(layout.length);
  drawParameters(flat, layout, spec, 7, { vectors });
  const { W_embed } = namedViews(flat, layout);
  const row = (word: number) => W_embed!.subarray(3 * word, 3 * word + 3);
  for (const [word, vector] of vectors) expect(row(word)).toEqual(vector);
  const spread = Math.hypot(...W_embed!) / Math.sqrt(W_embed!.length);
  expect(spread / Math.sqrt((9 + 16 + 9 + 16 + 25) / 6)).toBeCloseTo(1, 1);
  expect(() => specOf({ ...tiny, cell: 'lstm', wordVectorsTrained: false })).toThrow('names no file of vectors');
});

it('frozen word vectors save the product that would give their gradient, once for each distinct word that is read', () => {
  const shape = { ...tiny, cell: 'lstm', wordVectors: 'a file' } as const;
  const plan = packedPlan(shardTokens(raggedShard(shape, 6)));
  const operations = (wordVectorsTrained: boolean) => {
    const { programs, parameters } = specOf({ ...shape, wordVectorsTrained });
    return productOperations(programs.gradients!, parameters, plan);
  };
  expect(operations(true) - operations(false)).toBe(2 * plan.inputs * 4 * tiny.hiddenDim * tiny.wordDim);
});
