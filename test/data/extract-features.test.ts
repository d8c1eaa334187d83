import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { type ExtractionOutcome, extractFeatures } from '../../src/data/extract-features.js';
import { readExtractor } from '../../src/data/feature-description.js';
import { Hdf5Reader } from '../../src/data/hdf5.js';
import { describeImages, readImages } from '../../src/data/image-tables.js';
import { describeNetwork, openBuiltIn, openExtractor, openNetwork } from '../../src/features/extractor.js';
import { photoFile } from '../../src/features/photo-files.js';
import { Train } from '../e2e/processes.js';
import { image, pattern } from '../features/photos.js';
import { recap } from '../support/command.js';
import { temporaryFolder } from './tiny-dataset.js';

const tiny = 'test/fixtures/tiny-network.onnx';

/** A data folder of so many images, 8 × 8 and all different, without captions. */
async function photosOf(counts: Readonly<Record<string, number>>): Promise<string> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'photos'));
  for (const [split, count] of Object.entries(counts)) {
    const names = Array.from({ length: count }, (_, i) => `photos/${split}-${i}.png`);
    for (const [i, name] of names.entries()) {
      const pixels = pattern(8, 8).map((value) => (value + 7 * i) % 256);
      writeFileSync(join(folder, name), await image(8, 8, pixels).png().toBuffer());
    }
    writeFileSync(join(folder, `${split}2014_images.txt`), `${names.join('\n')}\n`);
  }
  return folder;
}

async function extract(folder: string, told: string[] = [], pca: number | null = null): Promise<ExtractionOutcome> {
  const { file, description } = describeNetwork(tiny, { mean: [0], scale: [1], pooled: 'pooled', grid: 'cells' });
  const extractor = await openNetwork(file, description);
  try {
    return await extractFeatures(folder, extractor, {
      pca,
      events: { resumed: (done, total) => told.push(`${done} of ${total}`) },
    });
  } finally {
    await extractor.close();
  }
}

async function tablesOf(folder: string, split: 'train' | 'val') {
  const reader = new Hdf5Reader();
  try {
    const tables = await describeImages(reader, folder, { features: 'fc7', grid: true }, split);
    return { tables, inputs: await readImages(reader, tables, 'float32', 'float32') };
  } finally {
    await reader.close();
  }
}

it('rows of features and grids are those of the images in their order, and what made them lies beside', async () => {
  const folder = await photosOf({ train: 21, val: 3 });
  const outcome = await extract(folder);
  expect(outcome).toMatchObject({ images: { train: 21, val: 3 }, columns: 4, grid: { positions: 16, columns: 4 } });
  const { tables, inputs } = await tablesOf(folder, 'train');
  expect(tables.grid!.description).toMatchObject({ shape: [21, 16, 4], dtype: 'float32' });
  for (let row = 0; row < 21; row++) {
    const pixels = pattern(8, 8).map((value) => (value + 7 * row) % 256);
    const red = pixels.reduce((sum, value, i) => (i % 3 === 0 ? sum + value / 64 : sum), 0);
    expect(inputs.features!.data[row * 4]).toBeCloseTo(red, 2);
    expect(inputs.grid!.data[row * 64]).toBeCloseTo((pixels[0]! + pixels[3]! + pixels[24]! + pixels[27]!) / 4, 3);
  }
  expect(readExtractor(folder, 'fc7', tables)).toMatchObject({ kind: 'onnx', pooled: 'pooled', grid: 'cells' });
  expect(readdirSync(folder).filter((name) => name.startsWith('features'))).toEqual(['features.json']);
});

it('an image that cannot be decoded ends it by name, and when it is mended the work goes on to the same bits', async () => {
  const counts = { train: 30, val: 5 };
  const [whole, mended] = await Promise.all([photosOf(counts), photosOf(counts)]);
  const broken = join(mended, 'photos/val-3.png');
  const content = readFileSync(broken);
  writeFileSync(broken, content.subarray(0, 60));
  await expect(extract(mended)).rejects.toThrow('photos/val-3.png: cannot be decoded');
  expect(existsSync(join(mended, 'features.json'))).toBe(false);
  writeFileSync(broken, content);
  const told: string[] = [];
  await extract(mended, told);
  expect(told).toEqual(['30 of 35']);
  await extract(whole);
  for (const split of ['train', 'val'] as const) {
    expect((await tablesOf(mended, split)).inputs).toEqual((await tablesOf(whole, split)).inputs);
  }
});

it('another list of images, or another extractor, begins anew', async () => {
  const folder = await photosOf({ train: 3, val: 2 });
  writeFileSync(join(folder, 'photos/val-1.png'), '');
  await expect(extract(folder)).rejects.toThrow('photos/val-1.png: the file is empty.');
  writeFileSync(join(folder, 'val2014_images.txt'), 'photos/val-0.png\n');
  const told: string[] = [];
  await extract(folder, told);
  expect(told).toEqual([]);
});

it('a process killed by SIGKILL has not worked in vain', async () => {
  const folder = await photosOf({ train: 3 });
  writeFileSync(join(folder, 'val2014_images.txt'), 'photos/train-0.png\n'.repeat(300));
  const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
  const words = ['features', '--data', folder, '--builtin'];
  const record = join(folder, 'features.partial/progress.json');
  // Again where it was through before the signal came.
  do {
    const child = spawn(process.execPath, [main, ...words], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (!existsSync(record) && child.exitCode === null) await setTimeout(5);
    child.kill('SIGKILL');
    await ended;
  } while (!existsSync(record));
  expect(existsSync(join(folder, 'features.json'))).toBe(false);
  const { status, stdout } = recap(words);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^going on after \d+ of 303 images$/m);
  expect((await tablesOf(folder, 'val')).tables.features.rows).toBe(300);
});

it('a signal stops it, it says what is kept, and the same command goes on after just that', async () => {
  const folder = await photosOf({ train: 3 });
  writeFileSync(join(folder, 'val2014_images.txt'), 'photos/train-0.png\n'.repeat(30_000));
  const words = ['--data', folder, '--builtin'];
  const first = new Train(words, {}, 'features');
  await first.until(() => existsSync(join(folder, 'features.partial/val.features')));
  first.kill('SIGINT');
  const { status, stderr } = await first.ended;
  expect(status).toBe(130);
  const [, kept] =
    /^SIGINT: stopped after (\d+) of 30003 images, which are kept\. The same command goes on from there\.\n$/.exec(
      stderr,
    )!;
  const second = new Train(words, {}, 'features');
  await second.until(({ stdout }) => stdout.includes('\n'));
  second.kill('SIGTERM');
  expect(await second.ended).toMatchObject({
    status: 143,
    stdout: expect.stringMatching(`^going on after ${kept} of 30003 images\n`),
    stderr: expect.stringMatching(/^SIGTERM: stopped after/),
  });
  expect(readdirSync(join(folder, 'features.partial')).filter((name) => name.startsWith('lock'))).toEqual([]);
});

it('principal components are fitted to the training features and kept, and a photo is projected by them', async () => {
  const folder = await photosOf({ train: 12, val: 3 });
  await extract(folder, [], 3);
  const reader = new Hdf5Reader();
  const tables = await describeImages(reader, folder, { features: 'fc7_pca', grid: false }, 'val');
  const { features } = await readImages(reader, tables, 'float32', 'float32');
  await reader.close();
  expect([features!.rows, features!.columns]).toEqual([3, 3]);
  const description = readExtractor(folder, 'fc7_pca', tables)!;
  const extractor = await openExtractor(description);
  const pixels = await extractor.decode(photoFile(join(folder, 'photos/val-2.png')));
  const found = await extractor.extract([pixels]);
  await extractor.close();
  expect(found.features.data).toEqual(features!.data.slice(6));
  const path = join(folder, 'fc7_pca.safetensors');
  const moved = join(folder, 'moved.safetensors');
  renameSync(path, moved);
  await expect(openExtractor(description)).rejects.toThrow(
    `${path}, the principal components of the features, is not there.`,
  );
  await (await openExtractor(description, { pca: moved })).close();
  const bytes = readFileSync(moved);
  writeFileSync(moved, bytes.fill(1, bytes.length - 2));
  await expect(openExtractor(description, { pca: moved })).rejects.toThrow(
    'does not hold the principal components that made',
  );
  await expect(extract(folder, [], 5)).rejects.toThrow('--pca: found 5, expected at most 4: 12 training images');
});

it('a folder without lists, or a list with a gap, is refused', async () => {
  const extractor = await openBuiltIn();
  const folder = temporaryFolder();
  await expect(extractFeatures(join(folder, 'none'), extractor)).rejects.toThrow(
    'none: no such folder. Name the data folder',
  );
  await expect(extractFeatures(folder, extractor)).rejects.toThrow(
    'no list of images is there, such as train2014_images.txt',
  );
  writeFileSync(join(folder, 'train2014_images.txt'), 'a.png\n\nb.png\n');
  await expect(extractFeatures(folder, extractor)).rejects.toThrow('train2014_images.txt: line 2 is empty');
});

it('a description of other features than those that are there is refused', async () => {
  const folder = await photosOf({ train: 2, val: 1 });
  await extract(folder);
  const { tables } = await tablesOf(folder, 'train');
  const path = join(folder, 'features.json');
  const description = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...description, columns: 9 }));
  expect(() => readExtractor(folder, 'fc7', tables)).toThrow('features.json: describes features of 9 columns');
  writeFileSync(path, JSON.stringify({ ...description, grid: null }));
  expect(() => readExtractor(folder, 'fc7', tables)).toThrow('features.json: describes other grids than those of');
  writeFileSync(path, JSON.stringify({ ...description, extractor: { kind: 'magic' } }));
  expect(() => readExtractor(folder, 'fc7', tables)).toThrow('features.json: extractor.kind: ');
  expect(readExtractor(temporaryFolder(), 'fc7', tables)).toBe(null);
});
