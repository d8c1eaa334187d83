import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configOf, overriddenConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import type { Batch } from '../../../src/data/batches.js';
import { datasetOf } from '../../../src/data/memory-dataset.js';
import { normals } from '../../../src/data/random.js';
import { unwrittenIds } from '../../../src/data/vocabulary.js';
import { parametersOf, trainedView } from '../../../src/engine/shared-memory.js';
import { benchmark } from '../../../src/training/checks/benchmark.js';
import { gradientCheck } from '../../../src/training/checks/gradient-check.js';
import { overfit } from '../../../src/training/checks/overfit.js';
import { rewardOf } from '../../../src/training/loop/self-critical.js';
import { createTrainer, type Trainer } from '../../../src/training/loop/trainer.js';
import { startRun } from '../../../src/training/run/train.js';
import { readMetrics, resultOf, smallConfig, temporaryFolder, trainUntil, watched, writeData } from '../runs.js';

let folder: string;
let data: string;
/** Where self-critical training starts from: trained on the true captions a little. */
let config: Config;
beforeAll(async () => {
  folder = temporaryFolder();
  data = await writeData();
  const { checkpoints } = await startRun(
    smallConfig(data, ['train.epochs=12']),
    join(folder, 'first'),
    watched().options,
  );
  config = smallConfig(data, [
    `model.init=${JSON.stringify(checkpoints.newest)}`,
    'train.selfCritical={samples: 3, tokens: words, reward: {CIDEr: 1, Bleu_4: 0.5}}',
    'train.lrDecay=1',
    'validate.metric=CIDEr',
  ]);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

type Rewards = { readonly samples: number; readonly baseline: number };
const rewardsOf = (dir: string) =>
  readMetrics(dir)
    .filter(({ type }) => type === 'step')
    .map(({ rewards }) => rewards as Rewards);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('self-critical training', () => {
  it.each(['samples', 'greedy'] as const)('raises the reward, with the baseline %s', async (baseline) => {
    const dir = join(folder, baseline);
    const sets = [`train.selfCritical.baseline=${baseline}`, 'train.batchSize=30', 'train.epochs=50'];
    await startRun(overriddenConfig(config, [...sets, 'validate.everyEpochs=0']), dir, watched().options);
    const rewards = rewardsOf(dir).map(({ samples }) => samples);
    expect(rewards).toHaveLength(100);
    expect(mean(rewards.slice(-10))).toBeGreaterThan(1.3 * mean(rewards.slice(0, 10)));
  });

  it.each([
    ['within an epoch', { afterStep: 7 }],
    ['after a validation', { afterValidationOf: 1 }],
  ] as const)('goes on after a stop %s, with other workers, as if never stopped', async (_when, stop) => {
    const sets = ['train.batchSize=6', 'train.epochs=2', 'train.accumulate=2', 'data.views=2'];
    const whole = join(folder, `whole-${Object.keys(stop)}`);
    await trainUntil(null, whole, { config: overriddenConfig(config, sets) });
    const dir = join(folder, `stopped-${Object.keys(stop)}`);
    await trainUntil(stop, dir, { config: overriddenConfig(config, [...sets, 'train.workers=3']) });
    await trainUntil(null, dir, { sets: ['train.workers=1'] });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });
});

describe('a config of self-critical training', () => {
  it('is checked, benchmarked and overfitted on the true captions, which is said', async () => {
    const said: (readonly string[])[] = [];
    const started = (_trainer: Trainer, switchedOff: readonly string[]) => void said.push(switchedOff);
    const onFault = (message: string) => expect.unreachable(message);
    for await (const { relativeError } of gradientCheck(config, { elements: 2, started, onFault })) {
      expect(relativeError).toBeLessThan(1e-5);
    }
    await overfit(config, { captions: 2, epochs: 1, started, onFault });
    said.push((await benchmark(config, { workers: 1, steps: 1, onFault })).switchedOff);
    expect(said).toHaveLength(3);
    for (const switchedOff of said) expect(switchedOff).toContain('train.selfCritical');
  });
});

describe('the gradient of self-critical training', () => {
  const captions = ['a b', 'b', 'a', 'b a'];
  const images = [0, 0, 1, 1];
  const dataset = datasetOf({
    train: {
      inputs: { features: { data: normals(3, 'features', 8), rows: 2, columns: 4 } },
      captions: captions.map((text, i) => ({ image: images[i]!, text })),
    },
  });
  const T = dataset.train.columns - 1;
  const samples = 32;

  async function trainerOf(baseline: 'samples' | 'greedy'): Promise<Trainer> {
    const plain = configOf({
      model: { cell: 'lstm', wordDim: 3, hiddenDim: 4 },
      train: { epochs: 40, batchSize: 2 * samples, workers: 2, shards: 2, optimizer: { learningRate: 0.05 } },
      validate: { everyEpochs: 0 },
      engine: 'reference',
    });
    const dir = join(folder, `tiny-${baseline}`);
    const { checkpoints } = await startRun(plain, dir, { dataset });
    const sets = [`model.init=${JSON.stringify(checkpoints.newest)}`, `train.selfCritical={samples: ${samples}}`];
    const given = overriddenConfig(plain, [
      ...sets,
      `train.selfCritical.baseline=${baseline}`,
      'train.selfCritical.temperature=0.7',
      'train.selfCritical.reward={CIDEr: 0.1, Bleu_4: 1}',
    ]);
    return createTrainer(given, { load: () => dataset });
  }

  /** Every caption of at most T words, `<END>` among them. */
  function allCaptions(): number[][] {
    const words = [...dataset.vocabulary.idxToWord.keys()].filter((id) => !unwrittenIds.includes(id) && id !== 2);
    let open: number[][] = [[]];
    const complete: number[][] = [];
    for (let length = 1; length <= T; length++) {
      complete.push(...open.map((some) => [...some, 2]));
      open = open.flatMap((some) => words.map((word) => [...some, word]));
    }
    return [...complete, ...open];
  }

  /** The reward that is to be expected of a caption of either image, over all captions that the model can write. */
  async function expectedReward({ coordinator, config, trainingReferences }: Trainer): Promise<number> {
    const reward = rewardOf(config.train.selfCritical, trainingReferences!, dataset.vocabulary);
    let expected = 0;
    let total = 0;
    for (const caption of allCaptions()) {
      const targets = new Int32Array(T);
      targets.set(caption);
      const tokens = { rows: 1, steps: T, inputs: Int32Array.of(1, ...targets.slice(0, -1)), targets, weights: null };
      for (const image of [0, 1]) {
        const batch: Batch = { tokens, images: Int32Array.of(image), split: 'train', firstRow: 0, divisor: 1 };
        const probability = Math.exp(-(await coordinator.gradients(batch, { seed: 1, step: 1 })).loss);
        total += probability;
        expected += (probability * reward(image, caption)) / 2;
      }
    }
    expect(total).toBeCloseTo(2, 10);
    return expected;
  }

  it.each(['samples', 'greedy'] as const)(
    'is that of the expected reward in float64, with the baseline %s',
    async (baseline) => {
      const trainer = await trainerOf(baseline);
      const { coordinator, settings } = trainer;
      const { memory } = coordinator;
      try {
        const flat = parametersOf(memory);
        const length = memory.layout.trainedLength;
        const directions = [0, 1, 2, 3].map((seed) => normals(seed, 'direction', length));
        const slopes: number[] = [];
        const h = 1e-4;
        for (const along of directions) {
          const at = async (distance: number) => {
            const before = Float64Array.from(flat);
            along.forEach((value, i) => {
              flat[i]! += distance * value;
            });
            const expected = await expectedReward(trainer);
            flat.set(before);
            return expected;
          };
          slopes.push(((await at(h)) - (await at(-h))) / (2 * h));
        }
        const found = directions.map((): number[] => []);
        for (let step = 1; step <= 400; step++) {
          const address = { seed: 7, step };
          const { batch } = await settings.captions.captions(Int32Array.of(0, 1), 0, 2 * samples, address);
          await coordinator.gradients(batch, address);
          directions.forEach((along, d) => {
            let product = 0;
            for (const offset of memory.slots) {
              trainedView(memory, offset).forEach((value, i) => {
                product += value * along[i]!;
              });
            }
            found[d]!.push(-product / batch.divisor);
          });
        }
        slopes.forEach((slope, d) => {
          const estimate = mean(found[d]!);
          const variance = mean(found[d]!.map((each) => (each - estimate) ** 2));
          const standardError = Math.sqrt(variance / found[d]!.length);
          expect(Math.abs(estimate - slope)).toBeLessThan(4 * standardError);
          expect(standardError).toBeLessThan(0.08 * Math.max(...slopes.map(Math.abs)));
        });
      } finally {
        await coordinator.close();
      }
    },
  );
});
