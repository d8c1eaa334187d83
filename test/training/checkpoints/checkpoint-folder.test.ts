/** Which checkpoint of a run is the newest, which is the best, and what a file that is not in order does to them. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NewerVersionError, UserError } from '../../../src/errors.js';
import { readCheckpoint } from '../../../src/training/checkpoints/checkpoint.js';
import {
  checkpointOfRun,
  newestWholeCheckpoint,
  onDisk,
  secureBest,
} from '../../../src/training/checkpoints/checkpoint-folder.js';
import { forge, trainingState, writeCheckpoint } from './checkpoint-fixtures.js';

let dir: string;
let folder: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'recap-folder-'));
  folder = join(dir, 'checkpoints');
  mkdirSync(folder);
});
afterEach(() => rmSync(dir, { recursive: true }));

const save = (name: string, step: number, more: object = {}, runId = 'run'): string =>
  writeCheckpoint(folder, `${name}.safetensors`, { ...trainingState(step), ...more }, { runId });
const validated = (loss: number, validatedEpoch = 1) => ({
  validationLoss: loss,
  bestValidation: loss,
  validatedEpoch,
});
const nothingBad = (path: string, why: string): never => {
  throw new Error(`${path}: ${why}`);
};
const newer = (header: string) => header.replace(String.raw`\"formatVersion\":2`, String.raw`\"formatVersion\":3`);
const damage = (path: string) => truncateSync(path, readFileSync(path).length - 1);

describe('the newest whole checkpoint', () => {
  it('is found behind torn, foreign, misnamed and empty ones, each named with its fault', () => {
    const whole = save('step-9', 9);
    save('step-8', 8);
    damage(save('step-10', 10));
    save('step-20', 20, {}, 'another run');
    copyFileSync(whole, join(folder, 'step-30.safetensors'));
    writeFileSync(join(folder, 'step-40.safetensors'), '');
    writeFileSync(join(folder, 'best.safetensors'), 'torn');
    for (const name of [
      'step-50.safetensors.tmp-1',
      'step-x.safetensors',
      'step-051.safetensors',
      'step-60.safetensors~',
    ]) {
      copyFileSync(whole, join(folder, name));
    }
    const bad: string[] = [];
    const found = newestWholeCheckpoint(folder, 'run', (path, why) =>
      bad.push(why.replace(path, path.slice(folder.length + 1))),
    );
    expect(found?.path).toBe(whole);
    expect(bad).toEqual([
      expect.stringContaining('best.safetensors is not a sound safetensors file'),
      expect.stringContaining('step-40.safetensors is not a sound safetensors file: it has 0 bytes'),
      expect.stringContaining('step-30.safetensors holds step 9'),
      'step-20.safetensors was written by another run.',
      expect.stringContaining('step-10.safetensors is not a sound safetensors file: the file is truncated'),
    ]);
  });

  it('is null in an empty or missing folder', () => {
    expect(newestWholeCheckpoint(folder, 'run', nothingBad)).toBeNull();
    expect(newestWholeCheckpoint(join(folder, 'none'), 'run', nothingBad)).toBeNull();
  });

  it.each([
    ['later than the others', { at: 7, epochs: 2 }, 'best'],
    ['earlier than one of them', { at: 5, epochs: 1 }, 'step-6'],
    ['of the same step, with a validation that the other does not count', { at: 6, epochs: 2 }, 'best'],
    ['of the same step and as far', { at: 6, epochs: 1 }, 'step-6'],
  ])('is the best one where that is %s', (_what, { at, epochs }, expected) => {
    save('step-4', 4);
    save('step-6', 6, { validatedEpoch: 1 });
    save('best', at, validated(1, epochs));
    expect(newestWholeCheckpoint(folder, 'run', nothingBad)?.path).toBe(join(folder, `${expected}.safetensors`));
  });

  it.each(['step-6', 'best'])('of a newer version (%s) is refused, and not passed over for an older one', (name) => {
    save('step-4', 4);
    forge(save(name, 6), newer);
    expect(() => newestWholeCheckpoint(folder, 'run', nothingBad)).toThrow(NewerVersionError);
  });
});

describe('the best checkpoint of a run that goes on', () => {
  /** A run that knows of its best validation, 1.5 after step 4. */
  const known = { bestValidation: 1.5, bestStep: 4 };
  const newest = (more: object = {}) => readCheckpoint(save('step-6', 6, { ...known, ...more }));
  const best = () => join(folder, 'best.safetensors');

  it('is the one by that name', () => {
    save('best', 4, validated(1.5));
    const before = readFileSync(best());
    expect(secureBest(folder, newest(), nothingBad)).toBe(4);
    expect(readFileSync(best())).toEqual(before);
  });

  it('is made of the one of its step where an earlier version left it there, also where its step is not recorded', () => {
    const old = save('step-4', 4, validated(1.5));
    save('step-2', 2, validated(2.5));
    expect(secureBest(folder, newest({ bestStep: null }), nothingBad)).toBe(4);
    expect(readFileSync(best())).toEqual(readFileSync(old));
  });

  it('is made anew where it is damaged', () => {
    const old = save('step-4', 4, validated(1.5));
    damage(save('best', 4, validated(1.5)));
    const bad: string[] = [];
    expect(secureBest(folder, newest(), (path) => bad.push(path))).toBe(4);
    expect(bad).toEqual([best()]);
    expect(readFileSync(best())).toEqual(readFileSync(old));
  });

  it('is lost where neither is there, or another step has its name', () => {
    expect(secureBest(folder, newest(), nothingBad)).toBeNull();
    save('best', 2, validated(2.5));
    expect(secureBest(folder, newest(), nothingBad)).toBeNull();
  });

  it('is none where nothing was validated', () => {
    expect(secureBest(folder, newest({ bestValidation: null, bestStep: null }), nothingBad)).toBeNull();
    expect(existsSync(best())).toBe(false);
  });
});

describe('the checkpoint that stands for a run', () => {
  const name = () => checkpointOfRun(dir, nothingBad).path.slice(folder.length + 1);

  it('is the best, or the newest where nothing was validated', () => {
    save('step-4', 4);
    save('step-12', 12);
    expect(name()).toBe('step-12.safetensors');
    save('best', 8, validated(1.5));
    expect(name()).toBe('best.safetensors');
    expect(onDisk(folder)).toEqual({ newest: 12, best: 8 });
  });

  it('is the best by its step in a run of an earlier version', () => {
    save('step-4', 4, validated(1.5));
    save('step-8', 8, { validationLoss: 2, bestValidation: 1.5, bestStep: null });
    expect(name()).toBe('step-4.safetensors');
  });

  it('is the next where the best is damaged, which is told', () => {
    save('step-4', 4);
    damage(save('best', 8, validated(1.5)));
    const bad: string[] = [];
    expect(checkpointOfRun(dir, (path) => bad.push(path)).state.step).toBe(4);
    expect(bad).toEqual([join(folder, 'best.safetensors')]);
  });

  it('is missed by name where there is none', () => {
    expect(() => checkpointOfRun(dir, nothingBad)).toThrow(UserError);
    expect(() => checkpointOfRun(dir, nothingBad)).toThrow(`${dir} holds no whole checkpoint; expected`);
  });
});

it('nothing of a run is on the disk where its folder is not', () => {
  expect(onDisk(join(dir, 'none'))).toEqual({ newest: null, best: null });
});
