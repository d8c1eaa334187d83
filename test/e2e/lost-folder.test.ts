/** A run whose folder is another's all of a sudden: it stops, says so, and does nothing to the other. */
import { cpSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TrainingError } from '../../src/errors.js';
import { resumeRun, startRun } from '../../src/training/run/train.js';
import { resultOf, smallConfig, temporaryFolder, trainUntil, watched, writeData } from '../training/runs.js';
import { loggedSteps, newRun, Train } from './processes.js';

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** Every file below a folder, with its bytes. */
function contents(dir: string): [string, string][] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path): [string, string] => [path, readFileSync(path, 'base64')])
    .sort();
}

/** Deletes a folder in which a checkpoint may appear while it is being emptied: what appeared is deleted as well. */
function deleteFolder(dir: string): void {
  for (;;) {
    try {
      rmSync(dir, { recursive: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    }
  }
}

it.each([
  ['moved away', (dir: string) => renameSync(dir, `${dir}-moved`)],
  ['deleted', deleteFolder],
])('a run whose folder is %s, and another run is there, stops within a step and leaves it alone', async (how, away) => {
  const other = join(folder, `other-${how}`);
  await trainUntil({ afterStep: 2 }, other, { config: smallConfig(data, ['train.seed=7']) });

  const dir = join(folder, how);
  const config = smallConfig(data, ['checkpoint.everySteps=1', 'train.epochs=6']);
  let before: [string, string][] = [];
  let last = 0;
  const { options } = watched({
    step: ({ step }) => {
      last = step;
      if (step !== 6) return;
      away(dir);
      cpSync(other, dir, { recursive: true });
      before = contents(dir);
    },
  });
  const error = await startRun(config, dir, options).catch((caught) => caught);
  expect(error).toBeInstanceOf(TrainingError);
  expect(error.message).toMatch(
    new RegExp(
      `^Stopped after step 6, because the run folder ${dir} is no longer this run's: .*another run.*\\. Nothing more was written there\\. The last checkpoint was that of step \\d`,
    ),
  );
  expect(last).toBe(6);
  expect(contents(dir)).toEqual(before);
});

it('a process whose folder is moved away ends with one message and exit code 1, and its run goes on where it is now', async () => {
  const other = join(folder, 'another');
  await trainUntil({ afterStep: 2 }, other, { config: smallConfig(data, ['train.seed=7']) });
  const dir = join(folder, 'process');
  // Endless, so that it is still running whenever its folder is moved; its end is set afterwards.
  const endless = ['checkpoint={everySteps: 3, keep: 2}', 'train.epochs=100000'];
  const config = smallConfig(data, endless);
  const train = new Train(newRun(config, dir));
  await train.until(() => loggedSteps(dir) > 0);
  renameSync(dir, `${dir}-moved`);
  renameSync(other, dir);
  const before = contents(dir);
  const { status, stderr } = await train.ended;
  expect(status).toBe(1);
  expect(stderr).toMatch(/^recap: Stopped after step \d+, because the run folder /m);
  expect(contents(dir)).toEqual(before);

  const end = `train.epochs=${Math.ceil(loggedSteps(`${dir}-moved`) / 4) + 1}`;
  await resumeRun(`${dir}-moved`, [end], watched().options);
  const whole = join(folder, 'whole');
  await startRun(smallConfig(data, [...endless, end]), whole, watched().options);
  expect(resultOf(`${dir}-moved`)).toEqual(resultOf(whole));
});
