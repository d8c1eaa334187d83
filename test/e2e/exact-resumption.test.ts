/** A run that is stopped and gone on with computes what a run never stopped computes, to the bit. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWith, type Requirement } from '../support/requirements.js';
import { resultOf, type Stop, smallConfig, temporaryFolder, trainUntil, writeData } from '../training/runs.js';

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const samplings = ['shuffle', 'sequential', 'withReplacement'] as const;
const models = {
  rnn: 'model.cell=rnn',
  lstm: 'model.cell=lstm',
  gru: 'model.cell=gru',
  'lstm in 2 layers': 'model={ cell: lstm, layers: 2, residual: true, wordDim: 16, hiddenDim: 24 }',
} as const;
type Kind = readonly [model: keyof typeof models, sampling: (typeof samplings)[number]];
const allKinds: readonly Kind[] = [
  ...(['rnn', 'lstm'] as const).flatMap((cell) => samplings.map((sampling): Kind => [cell, sampling])),
  ['gru', 'shuffle'],
  ['lstm in 2 layers', 'shuffle'],
];
/** For engines that take seconds to start: each of the course's cells, each sampling. */
const fewKinds: readonly Kind[] = [
  ['rnn', 'sequential'],
  ['lstm', 'shuffle'],
  ['lstm', 'withReplacement'],
];
/** Each model too. */
const mostKinds: readonly Kind[] = [...fewKinds, ['gru', 'shuffle'], ['lstm in 2 layers', 'shuffle']];

/**
 * An epoch has 4 steps: in the middle of one, at an end before its validation, twice while that is made up, after it, and
 * at the very end, and while the last validation is made up.
 */
const stops: readonly Stop[] = [
  { afterStep: 2 },
  { afterStep: 4 },
  { atStart: true },
  { atStart: true },
  { afterStep: 5 },
  { afterValidationOf: 2 },
  { afterStep: 12 },
  { atStart: true },
];
const fewStops: readonly Stop[] = [{ afterStep: 4 }, { atStart: true }, { afterStep: 5 }];

const engines: readonly (readonly [string, string, Requirement, readonly Kind[], readonly Stop[]])[] = [
  ['reference', 'reference', {}, allKinds, stops],
  ['cpu, WebAssembly', '{ name: cpu, blas: none }', {}, fewKinds, stops],
  ['cpu, generated kernels', '{ name: cpu, blas: native }', { generated: 'float32' }, mostKinds, stops],
  [
    'cpu, generated kernels in bfloat16',
    '{ name: cpu, blas: native, precision: bf16 }',
    { generated: 'bf16' },
    fewKinds,
    fewStops,
  ],
  ['cpu, oneDNN in bfloat16', '{ name: cpu, blas: onednn, precision: bf16 }', { bf16: true }, fewKinds, fewStops],
  ['cpu, OpenBLAS', '{ name: cpu, blas: openblas }', { blas: 'openblas' }, fewKinds, fewStops],
  ['gpu, webasm', '{ name: gpu, mode: webasm }', {}, fewKinds, fewStops],
  ['gpu, cpu', '{ name: gpu, mode: cpu }', {}, fewKinds.slice(0, 1), fewStops],
  ['gpu, webgpu', '{ name: gpu, mode: webgpu }', { webgpu: true }, fewKinds.slice(0, 2), fewStops],
];

for (const [title, engine, requirement, kinds, where] of engines) {
  describeWith(requirement, `on ${title}`, () => {
    it.each(kinds)(
      '%s, %s: every loss, parameter and moment, and each step and validation once',
      async (model, sampling) => {
        const sets = [`engine=${engine}`, models[model], `train.sampling=${sampling}`];
        const name = `${title}-${model}-${sampling}`.replaceAll(/\W+/g, '-');
        const whole = join(folder, `${name}-whole`);
        await trainUntil(null, whole, { config: smallConfig(data, [...sets, 'train.workers=1']) });

        const stopped = join(folder, `${name}-stopped`);
        const [first, ...others] = where;
        await trainUntil(first!, stopped, { config: smallConfig(data, [...sets, 'train.workers=2']) });
        for (const [i, stop] of [...others, null].entries()) {
          await trainUntil(stop, stopped, { sets: [`train.workers=${1 + (i % 3)}`] });
        }

        const expected = resultOf(whole);
        expect(expected.metrics.filter((each) => (each as { type: string }).type === 'step')).toHaveLength(12);
        expect(expected.metrics.filter((each) => (each as { type: string }).type === 'validation')).toHaveLength(3);
        expect(resultOf(stopped)).toEqual(expected);
      },
      300_000,
    );
  });
}

describeWith(
  { generated: 'float32' },
  'products by generated kernels and by WebAssembly with fused multiply-adds',
  () => {
    it.each([
      ['a captioner', []],
      ['one with attention', ['data.grid=true', 'model.attention=additive', 'train.optimizer={name: adamw}']],
    ])('give %s the same bits', async (title, sets) => {
      const [generated, wasm] = await Promise.all(
        ['native', 'none'].map(async (blas) => {
          const dir = join(folder, `${title}-${blas}`.replaceAll(' ', '-'));
          await trainUntil(null, dir, { config: smallConfig(data, [...sets, `engine={ name: cpu, blas: ${blas} }`]) });
          return resultOf(dir);
        }),
      );
      expect(generated).toEqual(wasm);
    });
  },
);

/** All that training can do beside plain Adam, in three ways that exclude each other. */
const trainings: Readonly<Record<string, readonly string[]>> = {
  'AdamW with decay, micro-steps, clipping, an average and a plateau': [
    'train.optimizer={name: adamw, learningRate: 0.02}',
    'train.weightDecay=0.1',
    'train.accumulate=2',
    'train.batchSize=3',
    'train.clip={norm: 2, value: 0.3}',
    'train.ema=0.8',
    // Whatever the validation loss does is a plateau.
    'train.schedule={name: plateau, patience: 1, minDelta: 1000}',
  ],
  'SGD with Nesterov momentum on a cosine, with an average that is not validated': [
    'train.optimizer={name: sgd, nesterov: true}',
    'train.schedule={name: cosine, warmup: 3}',
    'train.ema=0.9',
    'validate.parameters=live',
  ],
  'attention to grids, its penalty, dropout of what it sees': [
    'data.grid=true',
    'model.attention=additive',
    'model.attentionPenalty=0.5',
    'model.dropout={context: 0.2}',
    'train.schedule=constant',
  ],
  'RMSProp on one cycle, with early stopping after the last epoch': [
    'train.optimizer={name: rmsprop}',
    'train.schedule=oneCycle',
    'train.earlyStopping={patience: 2, minDelta: 1000}',
  ],
};

describe.each(['reference', '{ name: cpu, blas: none }', '{ name: gpu, mode: webasm }'])('on %s', (engine) => {
  it.each(Object.entries(trainings))(
    '%s: a run that is stopped again and again is one that never was',
    async (title, more) => {
      const sets = [`engine=${engine}`, ...more];
      const name = `${engine}-${title}`.replaceAll(/\W+/g, '-');
      const whole = join(folder, `${name}-whole`);
      await trainUntil(null, whole, { config: smallConfig(data, [...sets, 'train.workers=1', 'train.lrDecay=null']) });
      const stopped = join(folder, `${name}-stopped`);
      const [first, ...others] = stops;
      await trainUntil(first!, stopped, { config: smallConfig(data, [...sets, 'train.lrDecay=null']) });
      for (const [i, stop] of [...others, null].entries()) {
        await trainUntil(stop, stopped, { sets: [`train.workers=${1 + (i % 3)}`] });
      }
      const expected = resultOf(whole);
      expect(expected.metrics.filter((each) => (each as { type: string }).type === 'step')).toHaveLength(12);
      expect(resultOf(stopped)).toEqual(expected);
    },
    300_000,
  );
});

describe('the same shards', () => {
  it.each(['reference', '{ name: cpu, blas: none }', '{ name: gpu, mode: webasm }'])(
    'on 1, 2 and 3 workers give the same bits (%s)',
    async (engine) => {
      const results = [];
      for (const workers of [1, 2, 3]) {
        const dir = join(folder, `workers-${engine.replaceAll(/\W+/g, '-')}-${workers}`);
        const sets = [`engine=${engine}`, `train.workers=${workers}`, 'train.shards=4', 'train.epochs=2'];
        await trainUntil(null, dir, { config: smallConfig(data, sets) });
        results.push(resultOf(dir));
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    },
    300_000,
  );
});
