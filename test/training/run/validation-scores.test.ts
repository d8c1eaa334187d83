import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unwrittenIds } from '../../../src/data/vocabulary.js';
import { decodingOf } from '../../../src/model/decoding/decoding.js';
import { resumeRun, startRun } from '../../../src/training/run/train.js';
import {
  bestCheckpoint,
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  trainUntil,
  type Watched,
  watched,
  writeData,
} from '../runs.js';

const images = 9;
let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData({ valCaptions: images });
  folder = temporaryFolder();
  writeFileSync(join(data, 'val_refs.json'), JSON.stringify(await captionsAfterOneEpoch()));
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** As references, so that no later epoch can have a better score, while the loss goes on falling. */
async function captionsAfterOneEpoch() {
  const captions: string[] = [];
  await startRun(smallConfig(data, ['train.epochs=1']), join(folder, 'one-epoch'), {
    finished: async ({ coordinator, dataset }) => {
      const made = await coordinator.captions(
        'val',
        Array.from({ length: images }, (_, image) => image),
        decodingOf({}, unwrittenIds),
      );
      captions.push(...made.map(([best]) => dataset.vocabulary.decode(best!.words)));
    },
  });
  return captions.map((caption, image) => ({ image_idx: image, captions: [caption, 'something else'] }));
}

const byScore = ['validate.metric=ROUGE_L', 'validate.scores.tokens=words'];
const validationsOf = (dir: string) => readMetrics(dir).filter(({ type }) => type === 'validation');

describe('validation by a score', () => {
  it('keeps the checkpoint with the best score, which the lowest loss is not', async () => {
    const dir = join(folder, 'best');
    const outcome = await startRun(smallConfig(data, byScore), dir, watched().options);
    expect(outcome.best).toEqual({ step: 4, metric: 'ROUGE_L', value: 1 });
    const validations = validationsOf(dir) as unknown as { loss: number; scores: { ROUGE_L: number } }[];
    expect(validations.map(({ scores }) => scores.ROUGE_L)[0]).toBe(1);
    expect(validations[2]!.loss).toBeLessThan(validations[0]!.loss);
    const { state } = bestCheckpoint(dir)!;
    expect(state).toMatchObject({ step: 4, bestStep: 4, bestValidation: 1, validationScores: validations[0]!.scores });
    expect(newestCheckpoint(dir).state).toMatchObject({ step: 12, bestStep: 4, bestValidation: 1 });
  });

  it('stops early when the score does not rise, though the loss falls', async () => {
    const dir = join(folder, 'early');
    const config = smallConfig(data, [...byScore, 'train.epochs=20', 'train.earlyStopping.patience=2']);
    expect(await startRun(config, dir, watched().options)).toMatchObject({ step: 12, stoppedEarly: true });
    const losses = validationsOf(dir).map(({ loss }) => loss as number);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
  });

  it('waits for the epochs that are scored', async () => {
    const dir = join(folder, 'second');
    const sets = [...byScore, 'train.epochs=5', 'validate.scores.everyEpochs=2'];
    const { best } = await startRun(smallConfig(data, sets), dir, watched().options);
    expect(validationsOf(dir).map(({ scores }) => scores !== undefined)).toEqual([false, true, false, true, false]);
    expect([8, 16]).toContain(best!.step);
  });

  it.each([
    ['before a validation', { afterStep: 8 }],
    ['after one', { afterValidationOf: 1 }],
  ] as const)('goes on after a stop %s as if never stopped', async (_when, stop) => {
    const whole = join(folder, `whole-${Object.keys(stop)}`);
    await trainUntil(null, whole, { config: smallConfig(data, byScore) });
    const dir = join(folder, `stopped-${Object.keys(stop)}`);
    await trainUntil(stop, dir, { config: smallConfig(data, byScore) });
    await trainUntil(null, dir, { sets: ['train.workers=1'] });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('is cut short between two minibatches of images, however often, and then done as if never stopped', async () => {
    const many = 30;
    const large = await writeData({ valCaptions: many });
    const config = smallConfig(large, [...byScore, 'train.epochs=2']);
    const dir = join(folder, 'cut-short');
    for (const again of [false, true]) {
      const captioned: number[] = [];
      const watch: Watched = watched({
        validating: (what, done) => {
          if (what !== 'images captioned') return;
          captioned.push(done);
          watch.stop();
        },
      });
      const train = again ? resumeRun(dir, [], watch.options) : startRun(config, dir, watch.options);
      expect(await train).toMatchObject({ stopped: true, saved: true, step: 4, best: null });
      expect(captioned.at(-1)).toBe(config.train.batchSize);
      expect(validationsOf(dir)).toEqual([]);
    }
    const reports: string[] = [];
    const { options } = watched({ validating: (what, done, of) => void reports.push(`${what} ${done} of ${of}`) });
    await resumeRun(dir, [], options);
    expect(reports.at(-1)).toBe(`images captioned ${many} of ${many}`);
    const whole = join(folder, 'not-cut-short');
    await trainUntil(null, whole, { config });
    expect(resultOf(dir)).toEqual(resultOf(whole));
    rmSync(large, { recursive: true });
  });

  it('takes references from the captions of the data where there is no list beside it', async () => {
    const plain = await writeData({ valCaptions: images });
    const dir = join(folder, 'decoded');
    const notes: unknown[] = [];
    await startRun(smallConfig(plain, [...byScore, 'train.epochs=1']), dir, {
      events: { started: ({ references }) => void notes.push(references?.note) },
    });
    expect(notes).toEqual([expect.stringContaining('val_refs.json is not there')]);
    expect(validationsOf(dir)).toMatchObject([{ scores: { ROUGE_L: expect.any(Number) } }]);
    rmSync(plain, { recursive: true });
  });

  it('refuses to go on where the list of references has changed, and names it', async () => {
    const changed = await writeData({ valCaptions: images });
    const path = join(changed, 'val_refs.json');
    const list = JSON.parse(readFileSync(join(data, 'val_refs.json'), 'utf8'));
    writeFileSync(path, JSON.stringify(list));
    const dir = join(folder, 'changed');
    await trainUntil({ afterStep: 2 }, dir, { config: smallConfig(changed, byScore) });
    list[0].captions[0] += ' again';
    writeFileSync(path, JSON.stringify(list));
    await expect(resumeRun(dir)).rejects.toThrow(
      `The reference captions (${path}) are not those that this run's captions were scored by (checksum `,
    );
    rmSync(changed, { recursive: true });
  });

  it('names the image that the list of references lacks', async () => {
    const lacking = await writeData({ valCaptions: images });
    const path = join(lacking, 'val_refs.json');
    writeFileSync(path, JSON.stringify([{ image_idx: 0, captions: ['a'] }]));
    await expect(startRun(smallConfig(lacking, byScore), join(folder, 'lacking'))).rejects.toThrow(
      `${path}: no captions of image 1, which has some in the HDF5 file.`,
    );
    rmSync(lacking, { recursive: true });
  });
});
