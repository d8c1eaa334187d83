/** Pruning real runs: what goes, what stays, and that what stays is all that going on and captioning need. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../src/files/lock.js';
import { readCheckpointState } from '../../../src/training/checkpoints/checkpoint.js';
import {
  checkpointOfRun,
  checkpointSteps,
  newestWholeCheckpoint,
} from '../../../src/training/checkpoints/checkpoint-folder.js';
import { type PruneOptions, type Pruning, prune, pruningOf } from '../../../src/training/run/prune.js';
import { summaryOf } from '../../../src/training/run/run-summary.js';
import { resumeRun } from '../../../src/training/run/train.js';
import { resultOf, smallConfig, temporaryFolder, trainUntil, writeData } from '../runs.js';

let data: string;
let folder: string;
/** Stopped after step 10 of 12, with checkpoints of steps 0, 2, … 10 and the best one. */
let whole: string;
const config = (...sets: string[]) => smallConfig(data, ['train.workers=1', 'train.shards=1', ...sets]);
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  whole = join(folder, 'whole');
  // A stop writes its checkpoint, where one of a busy disk may be superseded.
  await trainUntil({ afterStep: 2 }, whole, { config: config() });
  for (const stop of [{ afterValidationOf: 1 }, { afterStep: 6 }, { afterValidationOf: 2 }, { afterStep: 10 }]) {
    await trainUntil(stop, whole, { sets: [] });
  }
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

function copyOf(run: string): string {
  const dir = join(mkdtempSync(join(folder, 'copy-')), basename(run));
  cpSync(run, dir, { recursive: true });
  return dir;
}

const all: PruneOptions = { writtenBefore: null, unvalidated: false };
const failedToo: PruneOptions = { writtenBefore: null, unvalidated: true };
const filesIn = (dir: string) =>
  existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort() : [];
const deleted = ({ dir, files }: Pruning) => files.map(({ path }) => path.slice(dir.length + 1)).sort();
const steps = (...numbers: number[]) => numbers.map((step) => `checkpoints/step-${step}.safetensors`).sort();

describe('pruning a run', () => {
  it('deletes what the dry run names, and nothing else', async () => {
    const dir = copyOf(whole);
    writeFileSync(join(dir, 'checkpoints', 'notes.txt'), 'mine');
    writeFileSync(join(dir, 'checkpoints', 'step-8.safetensors.tmp-123'), 'half of it');
    writeFileSync(join(dir, 'config.yaml.tmp-9'), 'half of it');
    writeFileSync(join(dir, 'photo.tmp-9'), 'mine');
    const before = filesIn(dir);
    const dry = await pruningOf(dir, all);
    expect(filesIn(dir)).toEqual(before);
    const leftovers = ['checkpoints/step-8.safetensors.tmp-123', 'config.yaml.tmp-9'];
    expect(deleted(dry)).toEqual([...steps(0, 2, 4, 6, 8), ...leftovers].sort());
    expect(await prune(dir, all)).toEqual(dry);
    expect(filesIn(dir)).toEqual(before.filter((name) => !deleted(dry).includes(name)));
    expect(deleted(await pruningOf(dir, all))).toEqual([]);
  });

  it('leaves a run that goes on as if it had not been pruned', async () => {
    const [pruned, kept] = [copyOf(whole), copyOf(whole)];
    await prune(pruned, all);
    for (const dir of [pruned, kept]) await resumeRun(dir);
    expect(resultOf(pruned)).toEqual(resultOf(kept));
  });

  it('may be cut short after any file', async () => {
    const { files } = await pruningOf(whole, all);
    const { runId } = await summaryOf(whole);
    for (let done = 0; done <= files.length; done++) {
      const dir = copyOf(whole);
      for (const { path } of files.slice(0, done)) unlinkSync(path.replace(whole, dir));
      expect(newestWholeCheckpoint(join(dir, 'checkpoints'), runId!, () => {})?.state.step).toBe(10);
      expect(checkpointOfRun(dir, () => {}).state).toEqual(checkpointOfRun(whole, () => {}).state);
    }
  });

  it('keeps the newest that is whole where newer ones are damaged, and touches none of those', async () => {
    const dir = copyOf(whole);
    truncateSync(join(dir, 'checkpoints', 'step-10.safetensors'), 5000);
    const pruning = await prune(dir, all);
    expect(checkpointSteps(join(dir, 'checkpoints'))).toEqual([8, 10]);
    expect(pruning.notes).toEqual([]);
  });

  it('keeps one whose numbers are damaged and the one before it', async () => {
    const dir = copyOf(whole);
    const path = join(dir, 'checkpoints', 'step-10.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    const pruning = await prune(dir, all);
    expect(checkpointSteps(join(dir, 'checkpoints'))).toEqual([8, 10]);
    expect(pruning.notes).toEqual([`${path} is damaged: its contents do not match its checksum.`]);
  });

  it('keeps the best state under the name of its step where the file of the best is lost', async () => {
    const dir = copyOf(whole);
    const best = readCheckpointState(join(dir, 'checkpoints', 'best.safetensors')).step;
    rmSync(join(dir, 'checkpoints', 'best.safetensors'));
    await prune(dir, all);
    expect(checkpointSteps(join(dir, 'checkpoints'))).toEqual([best, 10]);
    expect(checkpointOfRun(dir, () => {}).state.step).toBe(best);
  });

  it('keeps all where the best state is lost', async () => {
    const dir = copyOf(whole);
    const { step } = readCheckpointState(join(dir, 'checkpoints', 'best.safetensors'));
    for (const name of ['best', `step-${step}`]) rmSync(join(dir, 'checkpoints', `${name}.safetensors`));
    const { files, notes } = await pruningOf(dir, all);
    expect(files).toEqual([]);
    const best = join(dir, 'checkpoints', 'best.safetensors');
    expect(notes).toEqual([
      `${best} does not hold the best state of the run, and no other checkpoint does, so that all are kept.`,
    ]);
  });

  it('leaves the checkpoints of other runs, and does not follow links', async () => {
    const dir = copyOf(whole);
    const elsewhere = mkdtempSync(join(folder, 'elsewhere-'));
    const linked = join(dir, 'checkpoints', 'step-2.safetensors');
    renameSync(linked, join(elsewhere, 'step-2.safetensors'));
    symlinkSync(join(elsewhere, 'step-2.safetensors'), linked);
    const other = await trainUntil({ afterStep: 4 }, join(folder, 'other'), { config: config() });
    cpSync(join(other.dir, 'checkpoints', 'step-4.safetensors'), join(dir, 'checkpoints', 'step-4.safetensors'));
    expect(deleted(await prune(dir, all))).toEqual(steps(0, 6, 8));
    expect(existsSync(linked)).toBe(true);

    const away = copyOf(whole);
    renameSync(join(away, 'checkpoints'), join(elsewhere, 'checkpoints'));
    symlinkSync(join(elsewhere, 'checkpoints'), join(away, 'checkpoints'));
    expect(deleted(await prune(away, all))).toEqual([]);
    expect(checkpointSteps(join(elsewhere, 'checkpoints'))).toHaveLength(6);
  });

  it('leaves a run alone that a process has, and one that was written lately', async () => {
    const dir = copyOf(whole);
    const lock = await acquireLock(dir, 'it');
    expect((await pruningOf(dir, failedToo)).files).toEqual([]);
    await expect(prune(dir, all)).rejects.toThrow(`The run folder ${dir} is in use by process ${process.pid}. Stop it`);
    lock.release();
    const monthAgo = Date.now() / 1000 - 30 * 86_400;
    const older = { ...all, writtenBefore: Date.now() - 7 * 86_400_000 };
    expect((await pruningOf(dir, older)).files).toEqual([]);
    for (const name of filesIn(dir)) utimesSync(join(dir, name), monthAgo, monthAgo);
    expect((await pruningOf(dir, older)).files).toHaveLength(5);
  });
});

describe('pruning runs that ended before their first validation', () => {
  let failed: string;
  beforeAll(async () => {
    failed = join(folder, 'failed');
    await trainUntil({ afterStep: 3 }, failed, { config: config() });
    mkdirSync(join(failed, 'tensorboard'));
    writeFileSync(join(failed, 'tensorboard', 'events.out.tfevents.1.host'), '');
  });

  it('deletes their folders, the config last', async () => {
    const dir = copyOf(failed);
    const dry = await pruningOf(dir, failedToo);
    expect(dry).toMatchObject({ whole: true, notes: [] });
    expect(deleted(dry)).toEqual(filesIn(dir).filter((name) => name.includes('.')));
    expect(dry.files.at(-1)!.path).toBe(join(dir, 'config.yaml'));
    expect(await prune(dir, failedToo)).toEqual(dry);
    expect(existsSync(dir)).toBe(false);
  });

  it('can be gone on with after it was cut short', async () => {
    const dir = copyOf(failed);
    const { files } = await pruningOf(dir, failedToo);
    for (const { path } of files.slice(0, -1)) unlinkSync(path);
    await prune(dir, failedToo);
    expect(existsSync(dir)).toBe(false);
  });

  it('knows the pictures of images of either split, which may be held out for validation', async () => {
    const dir = copyOf(failed);
    mkdirSync(join(dir, 'images'), { recursive: true });
    for (const name of ['val-12.jpg', 'train-7.jpg']) writeFileSync(join(dir, 'images', name), 'a picture');
    await prune(dir, failedToo);
    expect(existsSync(dir)).toBe(false);
  });

  it('keeps those with a file of somebody else, and says which', async () => {
    const dir = copyOf(failed);
    writeFileSync(join(dir, 'notes.txt'), 'why it failed');
    const { whole: isWhole, notes } = await prune(dir, failedToo);
    expect({ isWhole, notes }).toEqual({
      isWhole: false,
      notes: [`${dir} is kept: ${join(dir, 'notes.txt')} is not recap's.`],
    });
    expect(readFileSync(join(dir, 'notes.txt'), 'utf8')).toBe('why it failed');
    expect(checkpointSteps(join(dir, 'checkpoints'))).toEqual([3]);
  });

  it('keeps those whose log tells of a validation, also where their checkpoints lie elsewhere', async () => {
    const dir = copyOf(whole);
    rmSync(join(dir, 'checkpoints'), { recursive: true });
    const log = join(dir, 'metrics.jsonl');
    const kept = { whole: false, files: [], notes: [`${dir} is kept: ${log} tells of a validation.`] };
    expect(await prune(dir, failedToo)).toMatchObject(kept);
    // As where it began again without them.
    renameSync(log, join(dir, 'metrics-1.jsonl'));
    expect((await prune(dir, failedToo)).whole).toBe(false);
  });

  it("keeps those with another run's checkpoint", async () => {
    const dir = copyOf(failed);
    const best = join(dir, 'checkpoints', 'best.safetensors');
    cpSync(join(whole, 'checkpoints', 'best.safetensors'), best);
    const { whole: isWhole, notes } = await prune(dir, failedToo);
    expect({ isWhole, notes: notes.filter((note) => note.includes(' is kept: ')) }).toEqual({
      isWhole: false,
      notes: [`${dir} is kept: ${best} is not a checkpoint of it.`],
    });
    expect(existsSync(best)).toBe(true);
  });

  it('keeps those that were validated, that want no validation, and broken ones', async () => {
    expect((await pruningOf(whole, failedToo)).whole).toBe(false);
    const never = await trainUntil({ afterStep: 3 }, join(folder, 'never'), {
      config: config('validate.everyEpochs=0'),
    });
    expect((await pruningOf(never.dir, failedToo)).whole).toBe(false);
    const broken = copyOf(failed);
    rmSync(join(broken, 'config.yaml'));
    expect((await pruningOf(broken, failedToo)).files).toEqual([]);
  });
});
