/** Runs that earlier versions of recap made: they load, caption and go on as if they had never stopped. */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configOf } from '../../../src/config/load.js';
import type { PartialConfig } from '../../../src/config/schema.js';
import { greedy } from '../../../src/model/decoding/decoding.js';
import { readCheckpoint } from '../../../src/training/checkpoints/checkpoint.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';
import { resumeRun } from '../../../src/training/run/train.js';
import { recap } from '../../support/command.js';
import { bestCheckpoint, newestCheckpoint, readMetrics, temporaryFolder, watched, writeData } from '../runs.js';

/**
 * Made by commit 6d9715f, with checkpoints of format 1 and arithmetic version 1, on the data that `writeData` writes:
 * the RNN was stopped after step 8, at the end of epoch 2 and before its validation, the LSTM after step 6. Beside them
 * is what a run never stopped gave then: 12 losses and 3 validations, and captions by the best checkpoint of the stopped
 * one. They go on with a warning, since the arithmetic is another; at their size it has the same bits.
 */
const runs = fileURLToPath(new URL('../../fixtures/runs-of-0.1.0/', import.meta.url));

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

describe.each([
  ['rnn', 8],
  ['lstm', 6],
])('a run of an %s made by recap 0.1.0', (cell, step) => {
  const copy = (name: string): string => {
    const dir = join(folder, `${cell}-${name}`);
    cpSync(join(runs, cell, 'run'), dir, { recursive: true });
    return dir;
  };
  const whole = JSON.parse(readFileSync(join(runs, cell, 'whole.json'), 'utf8'));

  it('loads', () => {
    const { state } = newestCheckpoint(copy('loads'));
    expect(state).toMatchObject({
      formatVersion: 2,
      recapVersion: '0.1.0',
      arithmeticVersion: 1,
      step,
      bestStep: null,
    });
    expect(state.bestValidation).toBe(whole.validations[0]);
  });

  it('captions by its best checkpoint', async () => {
    const dir = copy('captions');
    const caption = ['caption', '--checkpoint', dir, '--count', '9', '--set', `data.dir=${data}`];
    const { status, stdout, stderr } = recap(caption);
    expect(status).toBe(0);
    expect(stderr).toContain('step-4.safetensors, after step 4\n');
    expect(stdout.trimEnd().split('\n')).toHaveLength(9);
    // Version 0.1.0 wrote words of the whole vocabulary.
    const checkpoint = readCheckpoint(join(dir, 'checkpoints', 'step-4.safetensors'));
    const config = configOf(checkpoint.state.config as PartialConfig);
    const trainer = await createTrainer({ ...config, data: { ...config.data, dir: data } }, { checkpoint });
    const images = Array.from({ length: 9 }, (_, image) => image);
    const found = await trainer.coordinator.captions('val', images, greedy);
    await trainer.coordinator.close();
    const texts = found.map(([best]) => trainer.dataset.vocabulary.decode(best!.words));
    expect(texts.map((text, image) => `${String(image).padStart(6)}  ${text}`)).toEqual(whole.captions);
  });

  it('goes on to the losses of the run that was never stopped, and keeps its best under a name', async () => {
    const dir = copy('goes-on');
    const first = readFileSync(join(dir, 'checkpoints', 'step-4.safetensors'));
    const means: (number | null)[] = [];
    let bestAtStart: Buffer | null = null;
    const { options, warnings } = watched({
      started: () => {
        bestAtStart = readFileSync(join(dir, 'checkpoints', 'best.safetensors'));
      },
      epochEnded: (_step, meanLoss) => means.push(meanLoss),
    });
    await resumeRun(dir, [`data.dir=${data}`], options);
    expect(warnings).toEqual([
      expect.stringMatching(/^This run was computed by recap 0\.1\.0 with arithmetic version 1,/),
    ]);
    expect(bestAtStart).toEqual(first);
    const losses = (wanted: string) => readMetrics(dir).flatMap(({ type, loss }) => (type === wanted ? [loss] : []));
    expect(losses('step')).toEqual(whole.losses);
    expect(losses('validation')).toEqual(whole.validations);
    const lowest = Math.min(...whole.validations);
    expect(bestCheckpoint(dir)?.state).toMatchObject({
      bestValidation: lowest,
      validationLoss: lowest,
      formatVersion: 2,
    });
    expect(existsSync(join(dir, 'checkpoints', 'step-12.safetensors'))).toBe(true);
    // Format 1 does not tell the sums of an unfinished epoch, so its mean is not known; the next one's is.
    if (step % 4 !== 0) expect(means.shift()).toBeNull();
    expect(means).toEqual([expect.any(Number)]);
    expect(readCheckpoint(join(dir, 'checkpoints', 'step-12.safetensors')).state.bestStep).toBe(
      4 * (1 + whole.validations.indexOf(lowest)),
    );
  });
});
