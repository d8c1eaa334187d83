import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfigText } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import type { Precision } from '../../src/engine/engine.js';
import { allocateSharedMemory } from '../../src/engine/shared-memory.js';
import { UserError } from '../../src/errors.js';
import { parameterLayout } from '../../src/model/parameters.js';
import { restoreCheckpoint } from '../../src/training/checkpoint.js';
import { CheckpointWriter } from '../../src/training/checkpoint-writer.js';
import { changeableKeys, checkChanges } from '../../src/training/resumption.js';
import { resumeRun, startRun } from '../../src/training/train.js';
import { Train } from '../e2e/processes.js';
import {
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  trainUntil,
  watched,
  writeData,
} from './runs.js';

let data: string;
let folder: string;
let config: Config;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  config = smallConfig(data);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** Another value of every key that a config has. */
const others: Readonly<Record<string, unknown>> = {
  'data.dir': '/elsewhere',
  'data.builtin': 'shapes',
  'data.features': 'fc7_pca',
  'data.trainLimit': 3,
  'data.tokens': 'char',
  'model.cell': 'rnn',
  'model.wordDim': 17,
  'model.hiddenDim': 25,
  'model.init': 'some.safetensors',
  'train.epochs': 4,
  'train.batchSize': 7,
  'train.sampling': 'sequential',
  'train.optimizer.name': 'sgd',
  'train.optimizer.learningRate': 0.02,
  'train.optimizer.beta1': 0.8,
  'train.optimizer.beta2': 0.9,
  'train.optimizer.epsilon': 1e-7,
  'train.lrDecay': 0.8,
  'train.seed': 232,
  'train.workers': 3,
  'train.shards': 4,
  'train.onNonFinite': 'skip',
  'train.taskSeconds': 7,
  'engine.name': 'gpu',
  'engine.blas': 'auto',
  'engine.precision': 'bf16',
  'checkpoint.everySteps': 9,
  'checkpoint.keep': 9,
  'validate.everyEpochs': 2,
  'validate.captions': 1,
};

/** Every dotted key of a config that holds a value. */
function leaves(tree: object, prefix = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    value !== null && typeof value === 'object' ? leaves(value, `${prefix}${key}.`) : [prefix + key],
  );
}

function changed(key: string, value: unknown): Config {
  const copy = structuredClone(config);
  const path = key.split('.');
  const last = path.pop()!;
  let place = copy as unknown as Record<string, unknown>;
  for (const part of path) place = place[part] as Record<string, unknown>;
  place[last] = value;
  return copy;
}

const mayChange = (key: string) => changeableKeys.some((each) => key === each || key.startsWith(`${each}.`));

describe('a config changed before a run goes on', () => {
  it('has another value here for each of its keys', () => {
    expect(Object.keys(others).sort()).toEqual(leaves(config).sort());
  });

  it.each(Object.entries(others).filter(([key]) => mayChange(key)))('may have another %s: %j', (key, value) => {
    expect(checkChanges(config, changed(key, value))).toEqual([expect.stringMatching(`^${key}: .+ → .+$`)]);
  });

  it.each(Object.entries(others).filter(([key]) => !mayChange(key)))('may not have another %s', (key, value) => {
    const before = key.split('.').reduce<unknown>((tree, part) => (tree as Record<string, unknown>)[part], config);
    const refusal = `This run cannot go on with another ${key}: ${JSON.stringify(before)} → ${JSON.stringify(value)}.`;
    expect(() => checkChanges(config, changed(key, value))).toThrow(UserError);
    expect(() => checkChanges(config, changed(key, value))).toThrow(refusal);
  });

  it('is nothing where it says the same in another order', () => {
    const { model, ...rest } = structuredClone(config);
    expect(checkChanges({ ...rest, model }, config)).toEqual([]);
  });
});

describe('a run that goes on', () => {
  /** A run stopped after its second step. */
  async function stopped(name: string, more: readonly string[] = []): Promise<string> {
    const dir = join(folder, name);
    await trainUntil({ afterStep: 2 }, dir, { config: smallConfig(data, more) });
    return dir;
  }

  it('takes every change that it may, tells it, and keeps it', async () => {
    const dir = await stopped('changes');
    const watch = watched();
    const sets = ['train.epochs=2', 'train.workers=3', 'train.taskSeconds=50', 'checkpoint={everySteps: 2, keep: 1}'];
    await resumeRun(dir, [...sets, 'validate.everyEpochs=2'], watch.options);
    expect(watch.notes).toEqual([
      'changed: train.epochs: 3 → 2',
      'changed: train.workers: 2 → 3',
      'changed: train.taskSeconds: 300 → 50',
      'changed: checkpoint.everySteps: 1000 → 2',
      'changed: checkpoint.keep: 100 → 1',
      'changed: validate.everyEpochs: 1 → 2',
    ]);
    expect(parseConfigText(readFileSync(join(dir, 'config.yaml'), 'utf8'), 'config').train.epochs).toBe(2);
    expect(readMetrics(dir).filter(({ type }) => type === 'validation')).toMatchObject([{ epoch: 2 }]);
    expect(readdirSync(join(dir, 'checkpoints'))).toEqual(['step-8.safetensors']);
  });

  it('trains longer after it was complete, as if it had been meant to from the start', async () => {
    const dir = join(folder, 'longer');
    await trainUntil(null, dir, { config: smallConfig(data, ['train.epochs=1']) });
    expect(await resumeRun(dir, [], watched().options)).toMatchObject({ alreadyComplete: true, saved: true });
    await trainUntil(null, dir, { sets: ['train.epochs=3'] });
    const whole = join(folder, 'long-from-start');
    await trainUntil(null, whole, { config });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('refuses another model on the command line with exit code 2 and one line', async () => {
    const dir = await stopped('refused');
    const { status, stderr } = await new Train(['--resume', dir, '--set', 'model.hiddenDim=25']).ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^recap: This run cannot go on with another model\.hiddenDim: 24 → 25\.[^\n]*\n$/);
    expect(newestCheckpoint(dir).state.step).toBe(2);
  });

  it('finds its data where it has moved, and refuses other data by their checksum', async () => {
    const dir = await stopped('moved');
    const moved = join(folder, 'moved-data');
    renameSync(data, moved);
    try {
      await expect(resumeRun(dir, [], watched().options)).rejects.toThrow(`${data}: no such folder.`);
      for (const spoiled of [
        await writeData({ seed: 6 }),
        await writeData({ spoil: (features) => features.fill(0.5, 0, 1) }),
      ]) {
        const resumed = resumeRun(dir, [`data.dir=${spoiled}`], watched().options);
        await expect(resumed).rejects.toThrow(UserError);
        await expect(resumed).rejects.toThrow(/^The data is not what this run was trained on \(checksum/);
        rmSync(spoiled, { recursive: true });
      }
      await trainUntil(null, dir, { sets: [`data.dir=${moved}`] });
    } finally {
      renameSync(moved, data);
    }
    const whole = join(folder, 'unmoved');
    await trainUntil(null, whole, { config });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('goes back to the newest whole checkpoint and says so', async () => {
    const dir = join(folder, 'damaged');
    const sets = ['checkpoint.everySteps=1', 'train.epochs=2'];
    await trainUntil({ afterStep: 5 }, dir, { config: smallConfig(data, sets) });
    const damaged = join(dir, 'checkpoints', 'step-5.safetensors');
    const bytes = readFileSync(damaged);
    bytes[bytes.length - 9]! ^= 1;
    writeFileSync(damaged, bytes);
    appendFileSync(join(dir, 'metrics.jsonl'), '{"type":"step","step":6,"lo');
    const { options, warnings } = watched();
    await resumeRun(dir, [], options);
    expect(warnings).toEqual([
      `${damaged} is damaged: its contents do not match its checksum. Going back to the checkpoint before ${damaged}.`,
    ]);
    const whole = join(folder, 'undamaged');
    await startRun(smallConfig(data, sets), whole, watched().options);
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('warns where the library of matrix products it was computed with is missing, and goes on with another', async () => {
    const dir = await stopped('library', ['engine={name: cpu, blas: auto}']);
    await rewriteEngine(dir, { library: 'openblas', path: '/nowhere/libopenblas.so.0', version: '9', coreType: null });
    const { options, warnings } = watched();
    expect(await resumeRun(dir, [], options)).toMatchObject({ step: 12, saved: true });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^This run was computed by .*, and goes on with .*: its numbers will differ in the last digits/,
      ),
    ]);
  });
});

/** Replaces the engine that a run's newest checkpoint records, as if it came from another machine. */
async function rewriteEngine(dir: string, supplier: object): Promise<void> {
  const checkpoint = newestCheckpoint(dir);
  const { formatVersion, runId, ...state } = checkpoint.state;
  const precision: Precision = 'float32';
  const memory = allocateSharedMemory(parameterLayout(state.model), precision, 1, 0);
  restoreCheckpoint(memory, checkpoint);
  const folderOfRun = join(dir, 'checkpoints');
  const writer = new CheckpointWriter({ folder: folderOfRun, runId, memory, keep: 9, syncFirst: [] });
  await writer.save({ ...state, engineChoice: { name: 'cpu', precision, supplier } });
  await writer.close();
}
