/** What metrics.jsonl says of each step and of each validation, and the pictures beside it. */
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRun } from '../../../src/training/run/train.js';
import { writePhotos } from '../../features/photos.js';
import { readMetrics, resultOf, smallConfig, temporaryFolder, trainUntil, watched, writeData } from '../runs.js';

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  await writePhotos(data, 480, 360);
  writeFileSync(join(data, 'photos', 'broken.png'), 'no photo');
  const names = ['photos/val-0.png', 'photos/broken.png', 'photos/missing.png', 'http://127.0.0.1:1/val-3.jpg'];
  const others = [4, 5, 6, 7, 8].map((image) => `photos/val-${image}.png`);
  writeFileSync(join(data, 'val2014_urls.txt'), `${[...names, ...others].join('\n')}\n`);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const config = (...sets: string[]) => smallConfig(data, ['validate.captions=9', 'train.epochs=2', ...sets]);

interface Samples {
  readonly epoch: number;
  readonly samples: readonly Readonly<Record<string, unknown>>[];
}

describe('the records of a run', () => {
  let dir: string;
  let milliseconds: number;
  beforeAll(async () => {
    dir = join(folder, 'whole');
    const start = performance.now();
    await startRun(config(), dir, watched().options);
    milliseconds = performance.now() - start;
  });

  const of = (type: string) => readMetrics(dir).filter((record) => record.type === type);

  it('say of each step where its time went and what memory the process has', () => {
    const steps = of('step');
    expect(steps).toHaveLength(8);
    let sum = 0;
    for (const { seconds, memoryBytes } of steps) {
      expect(Object.keys(seconds as object)).toEqual(['compute', 'wait', 'update', 'rest']);
      for (const each of Object.values(seconds as Record<string, number>)) {
        expect(each).toBeGreaterThanOrEqual(0);
        sum += each;
      }
      expect(memoryBytes).toBeGreaterThan(10 * 2 ** 20);
    }
    expect(sum).toBeGreaterThan(0);
    expect(1000 * sum).toBeLessThan(milliseconds);
  });

  it('hold the sampled captions of each validation, with how likely they are', () => {
    const samples = of('samples') as unknown as Samples[];
    expect(samples.map(({ epoch }) => epoch)).toEqual([1, 2]);
    for (const { image, truth, generated, logProbability } of samples.flatMap((each) => each.samples)) {
      expect(image).toBeOneOf([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect([typeof truth, typeof generated]).toEqual(['string', 'string']);
      expect(logProbability).toBeLessThan(0);
    }
  });

  it('name a small picture of each image that is a photo on this machine', async () => {
    const [{ samples }] = of('samples') as unknown as [Samples];
    expect(samples.map(({ thumbnail }) => thumbnail ?? null)).toEqual(
      samples.map(({ image }) => ([1, 2, 3].includes(image as number) ? null : `images/val-${image}.jpg`)),
    );
    expect(readdirSync(join(dir, 'images')).sort()).toEqual([0, 4, 5, 6, 7, 8].map((image) => `val-${image}.jpg`));
    expect(await sharp(join(dir, 'images/val-4.jpg')).metadata()).toMatchObject({
      format: 'jpeg',
      width: 320,
      height: 240,
    });
  });

  it('are those of a run that was never stopped where one was stopped before a validation, pictures made once', async () => {
    const stopped = join(folder, 'stopped');
    await trainUntil({ afterStep: 4 }, stopped, { config: config() });
    await trainUntil({ afterStep: 6 }, stopped, { sets: ['train.workers=1'] });
    const made = statSync(join(stopped, 'images/val-4.jpg')).mtimeMs;
    const half = join(stopped, 'images/val-5.jpg.tmp-1');
    writeFileSync(half, 'half');
    await trainUntil(null, stopped, { sets: [] });
    expect(resultOf(stopped)).toEqual(resultOf(dir));
    expect(statSync(join(stopped, 'images/val-4.jpg')).mtimeMs).toBe(made);
    expect(existsSync(half), 'what a killed process left').toBe(false);
  });
});

it('a run whose pictures cannot be written trains all the same', async () => {
  const dir = join(folder, 'no pictures');
  const { options, warnings } = watched({
    started: () => writeFileSync(join(dir, 'images'), 'in the way'),
  });
  await startRun(config('train.epochs=1'), dir, options);
  expect(warnings).toEqual([]);
  const samples = readMetrics(dir).filter(({ type }) => type === 'samples') as unknown as Samples[];
  expect(samples[0]!.samples.every((sample) => !('thumbnail' in sample))).toBe(true);
});
