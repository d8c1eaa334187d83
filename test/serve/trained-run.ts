/** A small run on the grids of small images, as `recap features --builtin` makes them. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startRun } from '../../src/training/run/train.js';
import { image, pattern } from '../features/photos.js';
import { recap } from '../support/command.js';
import { smallConfig, temporaryFolder, writeData } from '../training/runs.js';

export interface TrainedRun {
  readonly run: string;
  /** Files of photos that it was not trained on. */
  readonly photos: readonly string[];
  /** Takes all of it off the disk. */
  readonly remove: () => void;
}

export async function trainedRun(): Promise<TrainedRun> {
  const data = await writeData();
  const run = join(temporaryFolder(), 'run');
  mkdirSync(join(data, 'photos'));
  for (const [split, count] of [
    ['train', 20],
    ['val', 9],
  ] as const) {
    const names = Array.from({ length: count }, (_, i) => `photos/${split}-${i}.png`);
    for (const [i, name] of names.entries()) {
      const pixels = pattern(40, 30).map((value, at) => (value * (i + 1) + 40 * (at % 3) * i) % 256);
      writeFileSync(join(data, name), await image(40, 30, pixels).png().toBuffer());
    }
    writeFileSync(join(data, `${split}2014_images.txt`), `${names.join('\n')}\n`);
  }
  const { status, stderr } = recap(['features', '--data', data, '--builtin']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  await startRun(smallConfig(data, ['data.grid=true', 'model.attention=additive', 'train.epochs=40']), run, {});
  return {
    run,
    photos: Array.from({ length: 9 }, (_, i) => join(data, `photos/val-${i}.png`)),
    remove: () => {
      for (const each of [data, run]) rmSync(each, { recursive: true, force: true });
    },
  };
}
