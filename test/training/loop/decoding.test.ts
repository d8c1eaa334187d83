/** Captions of a trained run by every search, on the worker pool and recap's own kernels. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadImages } from '../../../src/data/dataset.js';
import type { FeatureTable } from '../../../src/data/feature-table.js';
import type { DecodingOptions } from '../../../src/model/decoding/decoding.js';
import type { Named } from '../../../src/tensor/matrix.js';
import { type Checkpoint, readCheckpoint } from '../../../src/training/checkpoints/checkpoint.js';
import { newestCheckpointsOfRun } from '../../../src/training/checkpoints/checkpoint-folder.js';
import { type Captions, captionInputs } from '../../../src/training/loop/caption-images.js';
import type { CaptioningCheckpoints } from '../../../src/training/loop/caption-models.js';
import type { CaptioningOptions } from '../../../src/training/loop/input-captioner.js';
import { startRun } from '../../../src/training/run/train.js';
import { newestCheckpoint, smallConfig, temporaryFolder, trainUntil, writeData } from '../runs.js';

const attention = ['data.grid=true', 'model.attention=additive', 'model.attentionDim=10'];

let data: string;
let runs: string;
let inputs: Named<FeatureTable>;
let plain: Checkpoint;
let attentive: Checkpoint;
beforeAll(async () => {
  data = await writeData({ captions: 40, valCaptions: 12 });
  runs = temporaryFolder();
  const sets = ['train.epochs=12', 'checkpoint.everySteps=1000'];
  const dir = join(runs, 'plain');
  // A stop writes its checkpoint, where one of a busy disk may be superseded.
  await trainUntil({ afterStep: 60 }, dir, { config: smallConfig(data, sets) });
  await trainUntil({ afterStep: 80 }, dir, { sets: [] });
  await trainUntil(null, dir, { sets: [] });
  await startRun(smallConfig(data, [...sets, ...attention]), join(runs, 'attentive'), {});
  [plain, attentive] = [newestCheckpoint(join(runs, 'plain')), newestCheckpoint(join(runs, 'attentive'))];
  inputs = (await loadImages(smallConfig(data, attention).data, 'val', 'float32')).inputs;
});
afterAll(() => {
  for (const each of [data, runs]) rmSync(each, { recursive: true, force: true });
});

function captioned(
  by: CaptioningCheckpoints,
  decoding: DecodingOptions,
  more: CaptioningOptions = {},
): Promise<Captions> {
  return captionInputs(by, inputs, { workers: 2, decoding, ...more });
}

function mean({ decoded }: Captions, of: 'score' | 'logProbability'): number {
  return decoded.reduce((sum, [best]) => sum + best![of], 0) / decoded.length;
}

describe.each(['plain', 'attentive'])('captions of a trained run, %s', (name) => {
  const model = () => (name === 'plain' ? plain : attentive);

  it('are no less likely from a wider beam, and the same from a beam of 1 as greedy ones', async () => {
    const greedy = await captioned(model(), {});
    for (const [alpha, measure] of [
      [0, 'logProbability'],
      [1, 'score'],
    ] as const) {
      const beams = [];
      for (const beam of [1, 3, 10]) beams.push(await captioned(model(), { beam, alpha }));
      expect(beams[0]!.decoded.map(([best]) => best!.words)).toEqual(greedy.decoded.map(([best]) => best!.words));
      const [one, three, ten] = beams.map((captions) => mean(captions, measure));
      expect(three).toBeGreaterThan(one!);
      expect(ten).toBeGreaterThanOrEqual(three!);
    }
  });

  it('have the same bits for any workers and however many images are captioned together', async () => {
    for (const decoding of [{}, { beam: 4, nbest: 4 }, { temperature: 1.2, topP: 0.9, nbest: 3, seed: 4 }]) {
      const { decoded } = await captioned(model(), decoding);
      expect((await captioned(model(), decoding, { workers: 1 })).decoded).toEqual(decoded);
      expect((await captioned(model(), decoding, { workers: 3 })).decoded).toEqual(decoded);
      for (const image of [0, 7]) {
        const alone = await captioned(model(), decoding, { workers: 1, images: [image] });
        expect(alone.decoded).toEqual([decoded[image]]);
      }
    }
  });
});

it('samples of an image come likeliest first, and the likeliest is the caption', async () => {
  const samples = await captioned(plain, { temperature: 2, nbest: 6 });
  const logs = samples.decoded.map((some) => some.map(({ logProbability }) => logProbability));
  expect(logs).toEqual(logs.map((some) => some.toSorted((a, b) => b - a)));
  expect(new Set(logs[0]).size).toBeGreaterThan(1);
  expect(samples.captions).toEqual(samples.decoded.map(([likeliest]) => likeliest!.text));
});

describe('several checkpoints', () => {
  it('are an ensemble that expects what its models expect on average', async () => {
    const both = await captioned([plain, attentive], { beam: 3 });
    const workers = await captioned([plain, attentive], { beam: 3 }, { workers: 1 });
    expect(both.decoded).toEqual(workers.decoded);
    const itself = await captioned([plain, plain], {});
    const alone = await captioned(plain, {});
    expect(itself.captions).toEqual(alone.captions);
    expect(mean(itself, 'logProbability')).toBeCloseTo(mean(alone, 'logProbability'), 5);
    expect(both.captions).not.toEqual((await captioned(plain, { beam: 3 })).captions);
  });

  it('of one run are also one model of their mean parameters', async () => {
    const newest = newestCheckpointsOfRun(join(runs, 'plain'), 3, () => {});
    expect(newest.map(({ state }) => state.step)).toEqual([84, 80, 60]);
    const averaged: Checkpoint = {
      ...plain,
      parameters: new Map(
        [...plain.parameters].map(([name, { shape, data: one }]) => {
          const tables = newest.map(({ parameters }) => parameters.get(name)!.data);
          const data = one.map((_, i) => tables.reduce((sum, table) => sum + table[i]!, 0) / 3);
          return [name, { shape, data }];
        }),
      ),
    };
    expect((await captioned([newest], {})).decoded).toEqual((await captioned(averaged, {})).decoded);
    expect((await captioned([newest], {})).decoded).not.toEqual((await captioned(plain, {})).decoded);
  });

  it('that do not go together are named', async () => {
    await expect(captioned([[plain, attentive]], {})).rejects.toThrow(
      /is of another model than .*, so that their parameters have no mean/,
    );
    const other = { ...attentive, state: { ...attentive.state, vocabulary: attentive.state.vocabulary.toReversed() } };
    await expect(captioned([plain, other], {})).rejects.toThrow(/has another vocabulary than/);
    await expect(captioned([], {})).rejects.toThrow('No checkpoint is given');
    const run = dirname(dirname(plain.path));
    expect(() => newestCheckpointsOfRun(run, 99, () => {})).toThrow(/holds \d+ whole checkpoints, not 99/);
    await expect(captioned(readCheckpoint(plain.path), { minLength: 9 })).rejects.toThrow(
      /min-length: 9, but captions by .* end after 8 words at most/,
    );
  });
});
