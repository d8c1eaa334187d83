/** Real processes killed by SIGKILL at random moments, and gone on with each time. */
import { existsSync, mkdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkpointSteps } from '../../src/training/checkpoint.js';
import { readMetrics, resultOf, smallConfig, temporaryFolder, writeData } from '../training/runs.js';
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

it(
  `${kills} kills at random moments and in the writing of checkpoints leave every loss, parameter and moment the same`,
  async () => {
    const config = smallConfig(data, ['train.epochs=12', 'checkpoint={everySteps: 3, keep: 2}', 'model.hiddenDim=32']);
    const whole = join(folder, 'whole');
    const started = performance.now();
    expect(await new Train(newRun(config, whole)).ended).toMatchObject({ status: 0 });
    const wholeMs = performance.now() - started;
    const expected = resultOf(whole);

    const random = xoroshiro128plus(231);
    const moments = { 'at any moment': 0, 'while a checkpoint was written': 0, 'when one had appeared': 0 };
    let done = 0;
    let compared = 0;
    let inValidation = 0;
    for (let run = 0; done < kills || compared === 0; run++) {
      const dir = join(folder, `run-${run}`);
      for (let _life = 0; ; _life++) {
        const workers = 1 + uniformInt(random, 0, 2);
        const isThere = existsSync(join(dir, 'config.yaml'));
        const words = isThere ? ['--resume', dir] : newRun(config, dir);
        const checkpoints = join(dir, 'checkpoints');
        mkdirSync(checkpoints, { recursive: true });
        const train = new Train([...words, '--set', `train.workers=${workers}`]);
        const how = (['at any moment', 'while a checkpoint was written', 'when one had appeared'] as const)[
          uniformInt(random, 0, 2)
        ]!;
        const delay = setTimeout(uniformInt(random, 0, Math.ceil(wholeMs)));
        if (done < kills) {
          const pattern = how === 'when one had appeared' ? /^step-\d+\.safetensors$/ : /\.tmp-\d+$/;
          const moment = how === 'at any moment' ? delay : delay.then(() => nextName(checkpoints, pattern));
          await Promise.race([moment, train.ended]);
        }
        const killed = done < kills && train.isRunning;
        if (killed) train.kill('SIGKILL');
        const { status, signal, stderr } = await train.ended;
        expect(stderr, 'nothing is wrong with what a killed process left').toBe('');
        if (signal === null) {
          expect(status).toBe(0);
          break;
        }
        done++;
        moments[how]++;
        // A log that ends in the last step of an epoch shows a kill before or in its validation.
        if (existsSync(join(dir, 'metrics.jsonl'))) {
          const last = readTornMetrics(dir).at(-1);
          if (last?.type === 'step' && last.step % 10 === 0) inValidation++;
        }
      }
      expect(resultOf(dir)).toEqual(expected);
      expect(checkpointSteps(join(dir, 'checkpoints')).length).toBeLessThanOrEqual(3);
      compared++;
      rmSync(dir, { recursive: true });
    }
    console.log({ kills: done, ...moments, 'at an end of an epoch': inValidation, 'runs compared': compared });
  },
  120_000 + 15_000 * kills,
);

/** The log as a killed process leaves it: the last line may be cut short. */
function readTornMetrics(dir: string): ReturnType<typeof readMetrics> {
  try {
    return readMetrics(dir);
  } catch {
    return [];
  }
}
