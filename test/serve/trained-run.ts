/** A small run on the grids of small images, as `recap features --builtin` makes them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startRun } from '../../src/training/run/train.js';
import { writePhotos } from '../features/photos.js';
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
  await writePhotos(data, 40, 30);
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
