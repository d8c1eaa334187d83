import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CheckpointWriter } from '../../src/training/checkpoint-writer.js';
import { defaultRunFolder, RunFolder } from '../../src/training/run-folder.js';
import { filledMemory, trainingState } from './checkpoint-fixtures.js';

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
  const writer = new CheckpointWriter({ folder, runId, memory: filledMemory(), keep: 9, syncFirst: [] });
  for (const step of steps) expect(await writer.save(trainingState(step))).toMatchObject({ written: true });
  await writer.close();
}

it('a new run is opened again with its id and config, at its newest checkpoint', async () => {
  const created = RunFolder.create(dir, yaml);
  await saveAll(created, 0, 5, 10);
  created.unlock();
  writeFileSync(join(dir, 'config.yaml.tmp-4194305'), 'torn');
  const opened = RunFolder.open(dir);
  expect(opened.runId).toBe(created.runId);
  expect(opened.readConfig()).toBe(yaml);
  expect(opened.newestCheckpoint(nothingBad)?.state.step).toBe(10);
  opened.writeConfig('train:\n  seed: 2\n');
  expect(opened.readConfig()).toBe('train:\n  seed: 2\n');
  opened.unlock();
  expect(readdirSync(dir).sort()).toEqual(['checkpoints', 'config.yaml']);
});

it('a folder in use is refused to a new run and to a resumption', () => {
  const run = RunFolder.create(dir, yaml);
  expect(() => RunFolder.create(dir, yaml)).toThrow(`The run folder ${dir} is in use by process ${process.pid}`);
  expect(() => RunFolder.open(dir)).toThrow(`The run folder ${dir} is in use by process ${process.pid}`);
  run.unlock();
});

it('a new run refuses a folder with a checkpoint or with metrics, and leaves no lock behind', async () => {
  const run = RunFolder.create(dir, yaml);
  await saveAll(run, 0);
  run.unlock();
  expect(() => RunFolder.create(dir, yaml)).toThrow(
    `${dir} already holds a run. Go on with it by \`recap train --resume ${dir}\``,
  );
  const other = join(root, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'metrics.jsonl'), '');
  expect(() => RunFolder.create(other, yaml)).toThrow('already holds a run');
  expect(readdirSync(other)).toEqual(['metrics.jsonl']);
  expect(existsSync(join(dir, 'lock'))).toBe(false);
});

it('a new run does not overwrite a config.yaml that is not a run’s, and takes over one that never began', () => {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.yaml'), yaml);
  expect(() => RunFolder.create(dir, 'x: 1\n')).toThrow("config.yaml is not a run's and would be overwritten");
  expect(readFileSync(join(dir, 'config.yaml'), 'utf8')).toBe(yaml);
  rmSync(join(dir, 'config.yaml'));
  const first = RunFolder.create(dir, yaml);
  first.unlock();
  const second = RunFolder.create(dir, yaml);
  second.unlock();
  expect(second.runId).not.toBe(first.runId);
});

it('a resumption says what is missing: the folder, the config, the run’s id', () => {
  expect(() => RunFolder.open(dir)).toThrow(`There is no run folder ${dir} to resume.`);
  mkdirSync(dir, { recursive: true });
  expect(() => RunFolder.open(dir)).toThrow(`${dir} is not a run: it has no config.yaml.`);
  writeFileSync(join(dir, 'config.yaml'), yaml);
  expect(() => RunFolder.open(dir)).toThrow("config.yaml is not a run's");
  expect(() => RunFolder.open(join(dir, 'config.yaml'))).toThrow('There is no run folder');
});

it('a run stopped before its first checkpoint begins again, one with only damaged checkpoints is refused', async () => {
  const run = RunFolder.create(dir, yaml);
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

it('a run is named after its config and the time, with a number where that is taken', () => {
  const now = new Date(2026, 0, 2, 3, 4, 5);
  const first = defaultRunFolder('config/coco-lstm.yaml', now, root);
  expect(first).toBe(join(root, 'coco-lstm-20260102-030405'));
  mkdirSync(first);
  expect(defaultRunFolder('config/coco-lstm.yaml', now, root)).toBe(`${first}-2`);
});

it('a folder that cannot be made is named', () => {
  writeFileSync(join(root, 'file'), '');
  expect(() => RunFolder.create(join(root, 'file', 'run'), yaml)).toThrow(
    `The run folder ${join(root, 'file', 'run')} cannot be made`,
  );
});
