/** Real processes killed by SIGKILL at random moments, and gone on with each time. */
import { existsSync, mkdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkpointSteps } from '../../src/training/checkpoints/checkpoint-folder.js';
import {
  bestCheckpoint,
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  writeData,
} from '../training/runs.js';
import { newRun, Train } from './processes.js';

const kills = Number(process.env.RECAP_KILLS ?? 20);
/** Of the 60 captions, 6 a step. */
const stepsPerEpoch = 10;

let data: string;
let folder: string;
beforeAll(async () => {
  // More captions to validate than to train on, so that kills fall into validations too.
  data = await writeData({ captions: 60, valCaptions: 90 });
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
  'in a made-up validation',
  'while a checkpoint is written',
  'when a checkpoint has appeared',
  'while a best checkpoint is written',
  'when a best checkpoint has appeared',
  'as soon as the run goes on',
] as const;
type Moment = (typeof moments)[number];

/** The end of an epoch is reported before its validation. */
async function inValidation(train: Train): Promise<void> {
  const seen = train.stdout.length;
  await train.until(({ stdout }) => stdout.includes('mean loss', seen));
}

/** Resolves at the moment of that kind that comes next. */
async function next(moment: Moment, train: Train, checkpoints: string): Promise<void> {
  switch (moment) {
    case 'at any moment':
      return;
    case 'in a validation':
      return inValidation(train);
    case 'in a made-up validation':
    case 'as soon as the run goes on':
      await train.until(({ stdout }) => stdout.includes('\nrun '));
      return;
    case 'while a checkpoint is written':
      return nextName(checkpoints, /^step-\d+\.safetensors\.tmp/);
    case 'when a checkpoint has appeared':
      return nextName(checkpoints, /^step-\d+\.safetensors$/);
    case 'while a best checkpoint is written':
      return nextName(checkpoints, /^best\.safetensors\.tmp/);
    case 'when a best checkpoint has appeared':
      return nextName(checkpoints, /^best\.safetensors$/);
  }
}

/** Whether the run has to make up a validation when it goes on. */
function owesValidation(dir: string): boolean {
  if (!existsSync(join(dir, 'metrics.jsonl')) || checkpointSteps(join(dir, 'checkpoints')).length === 0) return false;
  const { step, validatedEpoch } = newestCheckpoint(dir).state;
  return step > 0 && step % stepsPerEpoch === 0 && step / stepsPerEpoch > validatedEpoch;
}

/** What a run holds by count. */
function counts(dir: string) {
  const of = (wanted: string) => readMetrics(dir).filter(({ type }) => type === wanted).length;
  const validations = { validations: of('validation'), samples: of('samples') };
  return { lines: readMetrics(dir).length, steps: of('step'), ...validations, notices: of('health') };
}

it(
  `${kills} kills at random moments change no bit, no validation, no best checkpoint and no line of the log`,
  async () => {
    const sets = ['train.epochs=15', 'train.optimizer.learningRate=0.004', 'checkpoint={everySteps: 3, keep: 2}'];
    const config = smallConfig(data, sets);
    const whole = join(folder, 'whole');
    const start = performance.now();
    expect(await new Train(newRun(config, whole)).ended).toMatchObject({ status: 0 });
    const wholeMs = Math.ceil(performance.now() - start);
    const expected = resultOf(whole);
    // Many validations are better than all before them, and the last ones are not.
    const best = bestCheckpoint(whole)?.state.step;
    expect(best).toBeGreaterThan(30);
    expect(best).toBeLessThan(150);
    // That validation has turned is noticed, once.
    expect(counts(whole)).toEqual({ lines: 181, steps: 150, validations: 15, samples: 15, notices: 1 });

    const random = xoroshiro128plus(231);
    const killed: Record<string, number> = {};
    const count = (what: string) => {
      killed[what] = (killed[what] ?? 0) + 1;
    };
    let done = 0;
    let compared = 0;
    let inARow = 0;
    while (done < kills || compared === 0) {
      const dir = join(folder, `run-${compared}`);
      const checkpoints = join(dir, 'checkpoints');
      mkdirSync(checkpoints, { recursive: true });
      const words = [...newRun(config, dir), '--resume', 'auto'];
      const go = () => new Train([...words, '--set', `train.workers=${uniformInt(random, 1, 3)}`]);
      let lastStep: number | null = null;
      for (;;) {
        let moment = moments[uniformInt(random, 0, moments.length - 1)]!;
        if (moment === 'in a made-up validation' && done < kills) {
          // A stop in a validation leaves one to be made up; where it came too late there is none.
          const stopping = go();
          await Promise.race([inValidation(stopping), stopping.ended]);
          stopping.kill('SIGTERM');
          expect((await stopping.ended).status).toBeOneOf([0, 143]);
          if (!owesValidation(dir)) moment = 'as soon as the run goes on';
        }
        const isEarly = moment === 'in a made-up validation' || moment === 'as soon as the run goes on';
        const delay = isEarly ? 0 : uniformInt(random, 0, wholeMs);
        const before = existsSync(join(dir, 'metrics.jsonl')) ? newestCheckpointStep(dir) : -1;
        const train = go();
        if (done < kills) {
          await Promise.race([setTimeout(delay).then(() => next(moment, train, checkpoints)), train.ended]);
          if (isEarly) await setTimeout(uniformInt(random, 0, 10));
          train.kill('SIGKILL');
        }
        const { status, signal, stderr } = await train.ended;
        const said = stderr.replace(/^(changed|notice): .*\n/gm, '');
        expect(said, 'what a killed process left is in order').toBe('');
        if (signal === null) {
          expect(status).toBe(0);
          break;
        }
        done++;
        count(moment);
        if (moment === 'in a made-up validation' && owesValidation(dir)) count('and the validation is still owed');
        if (before === lastStep) inARow++;
        lastStep = before;
      }
      expect(resultOf(dir)).toEqual(expected);
      expect(counts(dir)).toEqual(counts(whole));
      // The newest two, and one that a kill right after the last checkpoint kept from being removed.
      expect(checkpointSteps(checkpoints).length).toBeLessThanOrEqual(3);
      compared++;
    }
    console.log({ kills: done, ...killed, 'without progress since the last': inARow, 'runs compared': compared });
  },
  120_000 + 20_000 * kills,
);

function newestCheckpointStep(dir: string): number {
  return checkpointSteps(join(dir, 'checkpoints')).at(-1) ?? -1;
}
