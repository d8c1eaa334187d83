/** Real processes killed by SIGKILL at random moments, and gone on with each time. */
import { existsSync, mkdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkpointSteps } from '../../src/training/checkpoint.js';
import { resultOf, smallConfig, temporaryFolder, writeData } from '../training/runs.js';
import { newRun, Train } from './processes.js';

const kills = Number(process.env.RECAP_KILLS ?? 20);

let data: string;
let folder: string;
beforeAll(async () => {
  // As many captions to validate as to train on, so that kills fall into validations too.
  data = await writeData({ captions: 60, valCaptions: 60 });
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** Resolves when a file with such a name appears in, or vanishes from, the folder. */
function nextName(dir: string, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dir, (_event, name) => {
      if (!pattern.test(name ?? '')) return;
      watcher.close();
      resolve();
    });
  });
}

const moments = [
  'at any moment',
  'in a validation',
  'while a checkpoint is written',
  'when a checkpoint has appeared',
] as const;

/** Resolves at the moment of that kind that comes next. */
async function next(moment: (typeof moments)[number], train: Train, checkpoints: string): Promise<void> {
  switch (moment) {
    case 'at any moment':
      return;
    case 'in a validation': {
      // The end of an epoch is reported before its validation.
      const seen = train.stdout.length;
      await train.until(({ stdout }) => stdout.includes('mean loss', seen));
      return;
    }
    case 'while a checkpoint is written':
      return nextName(checkpoints, /\.tmp-\d+$/);
    case 'when a checkpoint has appeared':
      return nextName(checkpoints, /^step-\d+\.safetensors$/);
  }
}

it(
  `${kills} kills, at random moments, in validations and around the writing of checkpoints, change not one bit`,
  async () => {
    const config = smallConfig(data, ['train.epochs=30', 'checkpoint={everySteps: 3, keep: 2}']);
    const whole = join(folder, 'whole');
    const start = performance.now();
    expect(await new Train(newRun(config, whole)).ended).toMatchObject({ status: 0 });
    const wholeMs = Math.ceil(performance.now() - start);
    const expected = resultOf(whole);

    const random = xoroshiro128plus(231);
    const killed: Record<string, number> = {};
    let done = 0;
    let compared = 0;
    while (done < kills || compared === 0) {
      const dir = join(folder, `run-${compared}`);
      const checkpoints = join(dir, 'checkpoints');
      mkdirSync(checkpoints, { recursive: true });
      for (;;) {
        const words = existsSync(join(dir, 'config.yaml')) ? ['--resume', dir] : newRun(config, dir);
        const train = new Train([...words, '--set', `train.workers=${uniformInt(random, 1, 3)}`]);
        const moment = moments[uniformInt(random, 0, moments.length - 1)]!;
        const delay = uniformInt(random, 0, wholeMs);
        if (done < kills) {
          await Promise.race([setTimeout(delay).then(() => next(moment, train, checkpoints)), train.ended]);
          train.kill('SIGKILL');
        }
        const { status, signal, stderr } = await train.ended;
        expect(stderr, 'what a killed process left is in order').toBe('');
        if (signal === null) {
          expect(status).toBe(0);
          break;
        }
        done++;
        killed[moment] = (killed[moment] ?? 0) + 1;
      }
      expect(resultOf(dir)).toEqual(expected);
      // The newest two, the best, and one that a kill right after the last checkpoint kept from being removed.
      expect(checkpointSteps(checkpoints).length).toBeLessThanOrEqual(4);
      compared++;
    }
    console.log({ kills: done, ...killed, 'runs compared': compared });
  },
  120_000 + 20_000 * kills,
);
