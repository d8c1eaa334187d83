/** What a list of runs says of each: real ones, stopped, killed and running, and folders that were spoilt. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRuns } from '../../../src/training/run/find-runs.js';
import { detailsOf } from '../../../src/training/run/run-details.js';
import { summaryOf } from '../../../src/training/run/run-summary.js';
import type { TrainOutcome } from '../../../src/training/run/train-outcome.js';
import { loggedSteps, newRun, Train } from '../../e2e/processes.js';
import { readMetrics, smallConfig, temporaryFolder, trainUntil, writeData } from '../runs.js';

let data: string;
let folder: string;
let finished: TrainOutcome;
let stopped: TrainOutcome;
const config = (...sets: string[]) => smallConfig(data, ['train.workers=1', 'train.shards=1', ...sets]);
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  finished = await trainUntil(null, join(folder, 'finished'), { config: config() });
  // A stop writes its checkpoint, where one of a busy disk may be superseded.
  const dir = join(folder, 'stopped');
  await trainUntil({ afterValidationOf: 1 }, dir, { config: config() });
  stopped = await trainUntil({ afterStep: 5 }, dir, { sets: [] });
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** A copy of a run, to be spoilt. */
function copyOf(name: string): string {
  const dir = join(mkdtempSync(join(folder, 'copy-')), name);
  cpSync(join(folder, name), dir, { recursive: true });
  return dir;
}

const lastLoss = (dir: string) => readMetrics(dir).findLast(({ type }) => type === 'step')?.loss;

describe('the state of a run', () => {
  it('is finished when all steps and validations are done', async () => {
    const { dir, best, loss } = finished;
    expect(await summaryOf(dir)).toMatchObject({
      state: 'finished',
      step: 12,
      lastStep: 12,
      checkpointStep: 12,
      notes: [],
    });
    expect(await summaryOf(dir)).toMatchObject({ best, loss, isValidated: true });
  });

  it('is finished when it has stopped early', async () => {
    const early = config('train.earlyStopping={patience: 1, minDelta: 1000}');
    const { dir, step } = await trainUntil(null, join(folder, 'early'), { config: early });
    expect(await summaryOf(dir)).toMatchObject({ state: 'finished', step, lastStep: 12, notes: ['stopped early'] });
  });

  it('is stopped when it ended in order with steps to do, or with the last validation to do', async () => {
    const { dir } = stopped;
    expect(await summaryOf(dir)).toMatchObject({
      state: 'stopped',
      step: 5,
      lastStep: 12,
      checkpointStep: 5,
      notes: [],
    });
    expect((await summaryOf(dir)).loss).toBe(lastLoss(dir));
    const owing = await trainUntil({ afterStep: 12 }, join(folder, 'owing'), { config: config() });
    expect(await summaryOf(owing.dir)).toMatchObject({ state: 'stopped', step: 12, lastStep: 12 });
  });

  it('goes by config.yaml where that is newer than the checkpoints', async () => {
    const dir = copyOf('finished');
    const path = join(dir, 'config.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('epochs: 3', 'epochs: 5'));
    expect(await summaryOf(dir)).toMatchObject({ state: 'stopped', step: 12, lastStep: 20 });
  });

  it('is running while its process lives, and dead when that was killed', async () => {
    const dir = join(folder, 'killed');
    const long = config('train.epochs=5000', 'validate.everyEpochs=0', 'checkpoint.everySteps=2');
    const train = new Train(newRun(long, dir));
    expect(await train.until(() => loggedSteps(dir) > 3)).toBe(true);
    expect(await summaryOf(dir)).toMatchObject({ state: 'running', lastStep: 20_000, notes: [], isValidated: null });
    train.kill('SIGKILL');
    await train.ended;
    const { state, notes } = await summaryOf(dir);
    expect(state).toBe('dead');
    expect(notes.join()).toMatch(
      /^its process ended without giving the folder free$|^it ended without a checkpoint of step/,
    );
  });

  it('is dead where the log tells of steps that no checkpoint has, or there is no checkpoint', async () => {
    const dir = copyOf('stopped');
    appendFileSync(
      join(dir, 'metrics.jsonl'),
      '{"type":"step","step":6,"loss":2}\n{"type":"step","step":7,"loss":1.5}\n{"type":"st',
    );
    expect(await summaryOf(dir)).toMatchObject({ state: 'dead', step: 7, checkpointStep: 5, loss: 1.5 });
    expect((await summaryOf(dir)).notes).toEqual(['it ended without a checkpoint of steps 6 to 7']);
    rmSync(join(dir, 'checkpoints'), { recursive: true });
    expect(await summaryOf(dir)).toMatchObject({ state: 'dead', checkpointStep: null, best: null, isValidated: false });
    expect((await summaryOf(dir)).notes).toEqual(['it ended before its first checkpoint']);
  });

  it('is stopped, with the reason, where a number was not finite', async () => {
    const dir = copyOf('stopped');
    appendFileSync(join(dir, 'metrics.jsonl'), '{"type":"nonFinite","step":6,"fault":"the loss is NaN"}\n');
    expect(await summaryOf(dir)).toMatchObject({ state: 'stopped', step: 5, notes: ['the loss is NaN'] });
  });

  it('is known of runs of version 0.1.0, whose checkpoints say less', async () => {
    const dir = join(folder, 'old');
    cpSync('test/fixtures/runs-of-0.1.0/lstm/run', dir, { recursive: true });
    expect(await summaryOf(dir)).toMatchObject({ state: 'stopped', step: 6, checkpointStep: 6 });
  });
});

describe('a folder that was spoilt', () => {
  it.each([
    [
      'without its config',
      (dir: string) => rmSync(join(dir, 'config.yaml')),
      / is not a run: it has no config\.yaml\.$/,
    ],
    [
      'with a config of another kind',
      (dir: string) => writeFileSync(join(dir, 'config.yaml'), 'title: my blog\n'),
      /config\.yaml is not a run's: its first line should be "# recap run …", with the run's id\.$/,
    ],
    [
      'whose checkpoints are on a disk that is away',
      (dir: string) => {
        rmSync(join(dir, 'checkpoints'), { recursive: true });
        symlinkSync('/nowhere', join(dir, 'checkpoints'));
      },
      /checkpoints is a link to \/nowhere, and no folder is there\./,
    ],
    [
      'with the checkpoints of another run',
      (dir: string) => {
        const path = join(dir, 'config.yaml');
        writeFileSync(path, readFileSync(path, 'utf8').replace(/run ......../, 'run 00000000'));
      },
      /step-0\.safetensors was written by another run\.$/,
    ],
  ])('%s is broken, and says why', async (_what, spoil, why) => {
    const dir = copyOf('stopped');
    spoil(dir);
    const { state, notes } = await summaryOf(dir);
    expect(state).toBe('broken');
    expect(notes.join('\n')).toMatch(why);
  });

  it('with a damaged checkpoint is told by the one before it', async () => {
    const dir = copyOf('stopped');
    const path = join(dir, 'checkpoints', 'step-5.safetensors');
    truncateSync(path, 100);
    const { state, checkpointStep, notes } = await summaryOf(dir);
    expect({ state, checkpointStep }).toEqual({ state: 'dead', checkpointStep: 4 });
    expect(notes[0]).toContain(`${path} is not a sound safetensors file: `);
    expect(notes[1]).toBe('it ended without a checkpoint of step 5');
  });

  it('with a config that is no YAML says so and is no finished run', async () => {
    const dir = copyOf('finished');
    appendFileSync(join(dir, 'config.yaml'), 'a: [\n');
    const { state, notes } = await summaryOf(dir);
    expect(state).toBe('stopped');
    expect(notes[0]).toContain('config.yaml is not valid YAML: ');
  });
});

describe('the runs below a folder', () => {
  it('are found at any depth, in no run, behind no link and in no hidden folder', () => {
    const root = mkdtempSync(join(folder, 'tree-'));
    for (const place of ['a', 'sweep/b', 'sweep/c/inner', '.hidden/d', 'node_modules/e']) {
      mkdirSync(join(root, place), { recursive: true });
      writeFileSync(join(root, place, 'config.yaml'), `# recap run ${'0'.repeat(36)}\n`);
    }
    mkdirSync(join(root, 'a/checkpoints/f'), { recursive: true });
    writeFileSync(join(root, 'a/checkpoints/f/metrics.jsonl'), '');
    symlinkSync(join(root, 'a'), join(root, 'link'));
    symlinkSync(root, join(root, 'sweep', 'loop'));
    mkdirSync(join(root, 'blog'));
    writeFileSync(join(root, 'blog/config.yaml'), 'title: no run\n');
    mkdirSync(join(root, 'torn'));
    writeFileSync(join(root, 'torn/metrics.jsonl'), '');
    // A log that strayed into a folder of runs hides none of them.
    writeFileSync(join(root, 'sweep/metrics.jsonl'), '');
    const places = ['a', 'sweep', 'sweep/b', 'sweep/c/inner', 'torn'];
    expect([...findRuns(root).runs].sort()).toEqual(places.map((place) => join(root, place)));
    expect(findRuns(join(root, 'a')).runs).toEqual([join(root, 'a')]);
  });

  it('are in a folder that there is', () => {
    expect(() => findRuns(join(folder, 'none'))).toThrow(`There is no folder ${join(folder, 'none')}; expected a run`);
  });
});

describe('the details of a run', () => {
  it('are its checkpoints, validations and last captions', async () => {
    const { checkpoints, validations, samples, state, config: recorded } = await detailsOf(finished.dir);
    expect(checkpoints.map(({ name, step }) => [name, step])).toEqual([
      ['best.safetensors', finished.best!.step],
      ['step-0.safetensors', 0],
      ['step-12.safetensors', 12],
    ]);
    const logged = readMetrics(finished.dir).filter(({ type }) => type === 'validation');
    expect(validations).toEqual(
      logged.map(({ step, epoch, loss, perplexity }) => ({ step, epoch, loss, perplexity, scores: {} })),
    );
    expect(validations).toHaveLength(3);
    expect(samples).toMatchObject({ step: 12, captions: [{ image: 0 }, {}] });
    expect(state).toMatchObject({ captions: { training: 20, validation: 9 }, stepsPerEpoch: 4 });
    expect(recorded).toEqual(config());
  });

  it('are what can be had of a folder without a config', async () => {
    const dir = copyOf('finished');
    renameSync(join(dir, 'config.yaml'), join(dir, 'config.old'));
    const { config: recorded, configFault, validations } = await detailsOf(dir);
    expect(recorded).toBeNull();
    expect(configFault).toBe(`There is no config file ${join(dir, 'config.yaml')}.`);
    expect(validations).toHaveLength(3);
  });
});
