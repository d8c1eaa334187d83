/** Steps of several minibatches: what is computed is what one large minibatch computes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestCheckpoint, readMetrics, smallConfig, temporaryFolder, trainUntil, writeData } from '../runs.js';

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

describe('minibatches that make up one step', () => {
  it('compute what one of their size does, masks of dropout included, in float64', async () => {
    // 20 captions: two steps an epoch, the second of which is smaller and has fewer and smaller minibatches.
    const sets = [
      'engine=reference',
      'model.dropout={words: 0.2, hidden: 0.3, image: 0.1}',
      'train.clip={norm: 2, value: 0.3}',
      'train.weightDecay=0.1',
      'train.epochs=2',
    ];
    const train = async (name: string, more: readonly string[]) => {
      const dir = join(folder, name);
      await trainUntil(null, dir, { config: smallConfig(data, [...sets, ...more]) });
      return dir;
    };
    const whole = await train('whole', ['train.batchSize=12']);
    const parts = await train('parts', ['train.batchSize=3', 'train.accumulate=4']);
    const steps = [whole, parts].map((dir) => readMetrics(dir).filter(({ type }) => type === 'step'));
    expect(steps.map(({ length }) => length)).toEqual([4, 4]);
    steps[0]!.forEach((step, i) => {
      for (const key of ['loss', 'gradientNorm', 'parameterNorm'] as const) {
        expect(steps[1]![i]![key]).toBeCloseTo(step[key] as number, 10);
      }
    });
    for (const [name, { data: values }] of newestCheckpoint(whole).parameters) {
      newestCheckpoint(parts)
        .parameters.get(name)!
        .data.forEach((value, i) => {
          expect(value).toBeCloseTo(values[i]!, 9);
        });
    }
  });

  it('leave a step out where one of them is not finite, and nothing of it in the next', async () => {
    const spoilt = await writeData({
      spoil: (features) => {
        // The third caption of the fourth minibatch.
        features.fill(3e38, 11 * 32, 12 * 32);
      },
    });
    try {
      const sets = ['train.batchSize=3', 'train.accumulate=4', 'train.sampling=sequential', 'train.onNonFinite=skip'];
      const dir = join(folder, 'skipped');
      await trainUntil({ afterStep: 2 }, dir, { config: smallConfig(spoilt, sets) });
      const [first, second] = readMetrics(dir).filter(({ type }) => type === 'step');
      expect(first).toMatchObject({ step: 1, gradientNorm: null, parameterNorm: null });
      expect(readMetrics(dir).filter(({ type }) => type === 'nonFinite')).toEqual([
        { type: 'nonFinite', step: 1, fault: expect.stringMatching(/in training captions 11$/) },
      ]);
      // From the same parameters, without the step that was left out.
      const whole = join(folder, 'not-accumulated');
      await trainUntil({ afterStep: 2 }, whole, {
        config: smallConfig(spoilt, ['train.batchSize=12', ...sets.slice(2)]),
      });
      const [, same] = readMetrics(whole).filter(({ type }) => type === 'step');
      expect(second!.gradientNorm).toBeCloseTo(same!.gradientNorm as number, 4);
    } finally {
      rmSync(spoilt, { recursive: true });
    }
  });
});
