import { execFileSync } from 'node:child_process';
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
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointWriter } from '../../../src/training/checkpoints/checkpoint-writer.js';
import { defaultRunFolders, RunFolder } from '../../../src/training/run/run-folder.js';
import { filledMemory, trainingState } from '../checkpoints/checkpoint-fixtures.js';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'recap-run-'));
  dir = join(root, 'a', 'run');
});
afterEach(() => rmSync(root, { recursive: true }));

const yaml = 'train:\n  seed: 1\n';
const nothingBad = (path: string, why: string): never => {
  throw new Error(`${path}: ${why}`);
};

async function saveAll(run: RunFolder, ...steps: number[]): Promise<void> {
  const { checkpointsDir: folder, runId } = run;
  const writer = new CheckpointWriter({
    folder,
    runId,
    memory: filledMemory(),
    keep: 9,
    syncFirst: [],
    guardFile: run.guardFile,
  });
  for (const step of steps) expect(await writer.save(trainingState(step))).toMatchObject({ written: true });
  await writer.close();
}

it('a new run is opened again with its id and config, at its newest checkpoint', async () => {
  const created = await RunFolder.create({ dir }, yaml);
  await saveAll(created, 0, 5, 10);
  created.unlock();
  writeFileSync(join(dir, 'config.yaml.tmp-4194305'), 'torn');
  const opened = await RunFolder.open(dir);
  expect(opened.runId).toBe(created.runId);
  expect(opened.readConfig()).toBe(yaml);
  expect(opened.newestCheckpoint(nothingBad)?.state.step).toBe(10);
  opened.writeConfig('train:\n  seed: 2\n');
  expect(opened.readConfig()).toBe('train:\n  seed: 2\n');
  opened.unlock();
  expect(readdirSync(dir).sort()).toEqual(['checkpoints', 'config.yaml']);
});

it('a folder in use is refused to a new run and to a resumption', async () => {
  const run = await RunFolder.create({ dir }, yaml);
  await expect(RunFolder.create({ dir }, yaml)).rejects.toThrow(
    `The run folder ${dir} is in use by process ${process.pid}`,
  );
  await expect(RunFolder.open(dir)).rejects.toThrow(`The run folder ${dir} is in use by process ${process.pid}`);
  run.unlock();
});

it('a new run refuses a folder with a checkpoint or with metrics, and leaves no lock behind', async () => {
  const run = await RunFolder.create({ dir }, yaml);
  await saveAll(run, 0);
  run.unlock();
  await expect(RunFolder.create({ dir }, yaml)).rejects.toThrow(
    `${dir} already holds a run. Go on with it by \`npx recap train --resume ${dir}\``,
  );
  const other = join(root, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'metrics.jsonl'), '');
  await expect(RunFolder.create({ dir: other }, yaml)).rejects.toThrow('already holds a run');
  expect(readdirSync(other)).toEqual(['metrics.jsonl']);
  expect(readdirSync(dir).some((name) => name.startsWith('lock'))).toBe(false);
});

it('a new run does not overwrite a config.yaml that is not a run’s, and takes over one that never began', async () => {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.yaml'), yaml);
  await expect(RunFolder.create({ dir }, 'x: 1\n')).rejects.toThrow(
    "config.yaml is not a run's and would be overwritten",
  );
  expect(readFileSync(join(dir, 'config.yaml'), 'utf8')).toBe(yaml);
  rmSync(join(dir, 'config.yaml'));
  const first = await RunFolder.create({ dir }, yaml);
  first.unlock();
  const second = await RunFolder.create({ dir }, yaml);
  second.unlock();
  expect(second.runId).not.toBe(first.runId);
});

it('a resumption says what is missing: the folder, the config, the run’s id', async () => {
  await expect(RunFolder.open(dir)).rejects.toThrow(`There is no run folder ${dir} to resume.`);
  mkdirSync(dir, { recursive: true });
  await expect(RunFolder.open(dir)).rejects.toThrow(`${dir} is not a run: it has no config.yaml.`);
  writeFileSync(join(dir, 'config.yaml'), yaml);
  await expect(RunFolder.open(dir)).rejects.toThrow("config.yaml is not a run's");
  await expect(RunFolder.open(join(dir, 'config.yaml'))).rejects.toThrow('is a file, where the folder of a run');
  mkdirSync(join(dir, 'checkpoints'));
  const checkpoint = join(dir, 'checkpoints', 'step-1.safetensors');
  writeFileSync(checkpoint, '');
  await expect(RunFolder.open(checkpoint)).rejects.toThrow(
    `${checkpoint} is a file, where the folder of a run is expected. Name the folder of the run: ${dir}`,
  );
});

it('a run stopped before its first checkpoint begins again, one with only damaged checkpoints is refused', async () => {
  const run = await RunFolder.create({ dir }, yaml);
  expect(run.newestCheckpoint(nothingBad)).toBeNull();
  await saveAll(run, 0, 5);
  const bad: string[] = [];
  writeFileSync(join(run.checkpointsDir, 'step-5.safetensors'), 'x');
  expect(run.newestCheckpoint((path) => bad.push(path))?.state.step).toBe(0);
  writeFileSync(join(run.checkpointsDir, 'step-0.safetensors'), 'x');
  expect(() => run.newestCheckpoint((path) => bad.push(path))).toThrow('None of the 2 checkpoints');
  expect(bad.map((path) => path.slice(-18))).toEqual([5, 5, 0].map((step) => `step-${step}.safetensors`));
  run.unlock();
});

it('a run is named after its config and the time, then with a number behind it', () => {
  const names = defaultRunFolders('config/coco-lstm.yaml', new Date(2026, 0, 2, 3, 4, 5), root);
  const first = join(root, 'coco-lstm-20260102-030405');
  expect([names.next(), names.next(), names.next()].map(({ value }) => value)).toEqual([
    first,
    `${first}-2`,
    `${first}-3`,
  ]);
});

it('runs that are started at the same moment each get a folder of their own', async () => {
  const now = new Date(2026, 0, 2, 3, 4, 5);
  const runs = await Promise.all(
    Array.from({ length: 5 }, () =>
      RunFolder.create({ firstFreeOf: defaultRunFolders('a.yaml', now, join(root, 'runs')) }, yaml),
    ),
  );
  expect(runs.map((run) => run.dir.slice(root.length)).sort()).toEqual(
    ['', '-2', '-3', '-4', '-5'].map((number) => `/runs/a-20260102-030405${number}`),
  );
  for (const run of runs) run.unlock();
});

it('a folder that cannot be made is named, and nothing of it is left', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(RunFolder.create({ dir: join(root, 'file', 'run') }, yaml)).rejects.toThrow(
    `The run folder ${join(root, 'file', 'run')} cannot be made`,
  );
});

it('a new run that fails leaves no folder, and takes nothing away that was there', async () => {
  mkdirSync(join(root, 'a'));
  // The name of the lock file is too long for the path that this makes.
  const long = join(root, 'a', ...Array.from({ length: 15 }, () => 'x'.repeat(250)), 'y'.repeat(250));
  await expect(RunFolder.create({ dir: long }, yaml)).rejects.toThrow('ENAMETOOLONG');
  expect(readdirSync(join(root, 'a'))).toEqual([]);
});

it.runIf(existsSync('/proc/self'))('a folder in /proc is refused', async () => {
  await expect(RunFolder.create({ dir: '/proc/recap' }, yaml)).rejects.toThrow(
    'The run folder /proc/recap cannot be made: ENOENT',
  );
  const firstFreeOf = defaultRunFolders('a.yaml', new Date(), '/proc/recap');
  await expect(RunFolder.create({ firstFreeOf }, yaml)).rejects.toThrow('cannot be made: ENOENT');
});

it('checkpoints that cannot be reached do not pass for none, and nothing is touched', async () => {
  const run = await RunFolder.create({ dir }, yaml);
  run.unlock();
  rmSync(run.checkpointsDir, { recursive: true });
  symlinkSync(join(root, 'unmounted'), run.checkpointsDir);
  const link = `${run.checkpointsDir} is a link to ${join(root, 'unmounted')}, and no folder is there.`;
  await expect(RunFolder.open(dir)).rejects.toThrow(link);
  await expect(RunFolder.create({ dir }, yaml)).rejects.toThrow(link);
  rmSync(run.checkpointsDir);
  writeFileSync(run.checkpointsDir, '');
  await expect(RunFolder.open(dir)).rejects.toThrow(`${run.checkpointsDir} is not a folder.`);
  expect(readdirSync(dir).sort()).toEqual(['checkpoints', 'config.yaml']);
});

it('a pipe in the place of the config is not waited for', async () => {
  mkdirSync(dir, { recursive: true });
  execFileSync('mkfifo', [join(dir, 'config.yaml')]);
  for (const attempt of [RunFolder.open(dir), RunFolder.create({ dir }, yaml)]) {
    await expect(attempt).rejects.toThrow('config.yaml cannot be read: it is a pipe, not a file');
  }
});

describe('a run notices what becomes of its folder', () => {
  let run: RunFolder;
  beforeEach(async () => {
    run = await RunFolder.create({ dir }, yaml);
    expect(run.holding()).toEqual({ state: 'held' });
  });
  afterEach(() => run.unlock());
  const away = () => join(root, 'away');

  it('that is away, with an empty folder in its place or none, and is back again', () => {
    renameSync(dir, away());
    expect(run.holding()).toEqual({ state: 'away' });
    mkdirSync(dir);
    expect(run.holding()).toEqual({ state: 'away' });
    expect(readdirSync(dir)).toEqual([]);
    rmSync(dir, { recursive: true });
    writeFileSync(dir, '');
    expect(run.holding()).toEqual({ state: 'away' });
    rmSync(dir);
    renameSync(away(), dir);
    expect(run.holding()).toEqual({ state: 'held' });
  });

  it('that comes back as a copy', async () => {
    cpSync(dir, away(), { recursive: true });
    rmSync(dir, { recursive: true });
    renameSync(away(), dir);
    expect(run.holding()).toEqual({ state: 'held' });
    await expect(RunFolder.open(dir)).rejects.toThrow('in use by process');
  });

  it('whose lock was deleted by hand, and puts it back', async () => {
    rmSync(run.guardFile);
    expect(run.holding()).toEqual({ state: 'held' });
    expect(existsSync(run.guardFile)).toBe(true);
    await expect(RunFolder.open(dir)).rejects.toThrow('in use by process');
    run.unlock();
    expect(readdirSync(dir).sort()).toEqual(['checkpoints', 'config.yaml']);
  });

  it.each(['moved', 'deleted'])(
    'that was %s and in whose place another run is, while it lasts and after',
    async (how) => {
      if (how === 'moved') renameSync(dir, away());
      else rmSync(dir, { recursive: true });
      const other = await RunFolder.create({ dir }, yaml);
      expect(run.holding()).toEqual({
        state: 'lost',
        why: `process ${process.pid} has taken the run folder ${dir}`,
      });
      other.unlock();
      expect(run.holding()).toEqual({ state: 'lost', why: `the folder ${dir} now holds another run` });
      run.unlock();
      expect(readdirSync(dir).sort()).toEqual(['checkpoints', 'config.yaml']);
    },
  );

  it('that another process took because it thought this one dead, and has ended since', async () => {
    rmSync(run.guardFile);
    const other = await RunFolder.open(dir);
    expect(run.holding()).toMatchObject({ state: 'lost', why: expect.stringContaining('has taken the run folder') });
    other.writeConfig(yaml);
    other.unlock();
    expect(run.holding()).toEqual({
      state: 'lost',
      why: `another process has gone on with the run in ${dir} meanwhile`,
    });
  });
});
