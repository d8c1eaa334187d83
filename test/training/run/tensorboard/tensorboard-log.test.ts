/** What a run tells TensorBoard, read back by a reader of the tests' own and by TensorBoard's. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRun } from '../../../../src/training/run/train.js';
import { Train } from '../../../e2e/processes.js';
import { writePhotos } from '../../../features/photos.js';
import { eventsIn, scalarsIn } from '../../../support/event-files.js';
import { describeWith, pythonWithTensorboard } from '../../../support/requirements.js';
import { readMetrics, resultOf, smallConfig, temporaryFolder, trainUntil, watched, writeData } from '../../runs.js';

let data: string;
let folder: string;
let whole: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  await writePhotos(data, 48, 36);
  const photos = Array.from({ length: 9 }, (_, image) => `photos/val-${image}.png`);
  writeFileSync(join(data, 'val2014_urls.txt'), `${photos.join('\n')}\n`);
  whole = join(folder, 'whole');
  await startRun(config(), whole, watched().options);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

function config(...sets: string[]) {
  return smallConfig(data, ['report.tensorboard=true', 'train.accumulate=2', 'train.epochs=3', ...sets]);
}

const events = (run: string) => join(run, 'tensorboard');

/** [step, loss] as metrics.jsonl has it, in float32. */
function losses(run: string, type: string): [number, number][] {
  const records = readMetrics(run).filter((record) => record.type === type);
  return records.map(({ step, loss }) => [step, Math.fround(loss as number)]);
}

/** Tag and step of everything that is seen. */
const places = (run: string) => eventsIn(events(run)).map(({ tag, step }) => `${tag} ${step}`);

describe('the event files of a run', () => {
  it('hold the losses of metrics.jsonl, each once', () => {
    expect(scalarsIn(events(whole), 'loss/train')).toEqual(losses(whole, 'step'));
    expect(scalarsIn(events(whole), 'loss/validation')).toEqual(losses(whole, 'validation'));
  });

  it('of a run that was stopped anywhere and goes on hold no step and no validation twice', async () => {
    const stopped = join(folder, 'stopped');
    // Before a validation, in it when it is made up, and after one.
    await trainUntil({ afterStep: 2 }, stopped, { config: config() });
    await trainUntil({ atStart: true }, stopped, { sets: [] });
    await trainUntil({ afterValidationOf: 2 }, stopped, { sets: [] });
    await trainUntil(null, stopped, { sets: [] });
    expect(readdirSync(events(stopped))).toHaveLength(4);
    expect(resultOf(stopped)).toEqual(resultOf(whole));
    for (const [tag, type] of [
      ['loss/train', 'step'],
      ['loss/validation', 'validation'],
    ] as const) {
      expect(scalarsIn(events(stopped), tag)).toEqual(losses(whole, type));
    }
    const onceAProcess = /^(config|images|_hparams_)/;
    const rest = (run: string) =>
      places(run)
        .filter((each) => !onceAProcess.test(each))
        .sort();
    // Of a validation that is made up in another process the gradient of the step is gone.
    expect(rest(stopped).filter((each) => !/^gradients/.test(each))).toEqual(
      rest(whole).filter((each) => !/^gradients/.test(each)),
    );
  });

  it('of a run that has nothing left to do become no more', async () => {
    const before = readdirSync(events(whole));
    await trainUntil(null, whole, { sets: [] });
    expect(readdirSync(events(whole))).toEqual(before);
  });

  it('can be asked for when a run goes on', async () => {
    const later = join(folder, 'later');
    await trainUntil({ afterStep: 3 }, later, { config: config('report.tensorboard=false') });
    expect(existsSync(events(later))).toBe(false);
    await trainUntil(null, later, { sets: ['report.tensorboard=true'] });
    expect(scalarsIn(events(later), 'loss/train')).toEqual(losses(whole, 'step').slice(3));
  });

  it('cost the run nothing but a warning where they cannot be written', async () => {
    const dir = join(folder, 'in the way');
    const { options, warnings } = watched({ started: () => writeFileSync(join(dir, 'tensorboard'), 'a file') });
    await startRun(config(), dir, options);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/tensorboard.*cannot be written, its events wait in memory: ENOTDIR/);
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });
});

const reader = fileURLToPath(new URL('../../../fixtures/read-events.py', import.meta.url));

interface Histogram {
  readonly step: number;
  readonly num: number;
  readonly sum_squares: number;
  readonly bucket: readonly number[];
}

interface Read {
  readonly version: number;
  readonly scalars: Readonly<Record<string, [number, number][]>>;
  readonly histograms: Readonly<Record<string, Histogram[]>>;
  readonly texts: Readonly<Record<string, [number, string][]>>;
  readonly images: Readonly<Record<string, [number, string][]>>;
  readonly hparams: Readonly<Record<string, { values: Readonly<Record<string, unknown>>; status: number }>>;
}

function read(run: string): Read {
  const { stdout, stderr, status } = spawnSync(pythonWithTensorboard()!, [reader, events(run)], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

describeWith({ tensorboard: true }, "TensorBoard's own reader", () => {
  it('finds curves, distributions, captions, pictures and the config of a run', () => {
    const { version, scalars, histograms, texts, images, hparams } = read(whole);
    expect(version).toBe(2);
    expect(scalars['loss/train']).toEqual(losses(whole, 'step'));
    for (const each of [
      'optimizer/learning_rate',
      'speed/captions_per_second',
      'seconds/wait',
      'memory/resident_MiB',
    ]) {
      expect(scalars[each]).toHaveLength(6);
    }
    const norm = (kind: string, at: number) => {
      const own = Object.entries(histograms).filter(([tag]) => tag.startsWith(kind));
      for (const [, steps] of own) expect(steps[at]!.bucket.reduce((a, b) => a + b)).toBe(steps[at]!.num);
      return Math.sqrt(own.reduce((sum, [, steps]) => sum + steps[at]!.sum_squares, 0));
    };
    const steps = readMetrics(whole).filter(({ type }) => type === 'step');
    for (const [at, step] of [2, 4, 6].entries()) {
      const { gradientNorm, parameterNorm } = steps[step - 1] as unknown as Record<string, number>;
      expect(norm('gradients/', at) / gradientNorm!).toBeCloseTo(1, 5);
      expect(norm('parameters/', at) / parameterNorm!).toBeCloseTo(1, 5);
    }
    expect(texts.samples!.map(([step]) => step)).toEqual([2, 4, 6]);
    expect(texts.config![0]![1]).toContain('hiddenDim: 24');
    expect(Object.values(images)).toHaveLength(2);
    expect(hparams['_hparams_/session_start_info']!.values).toMatchObject({ 'model.hiddenDim': 24 });
    expect(hparams['_hparams_/session_end_info']!.status).toBe(1);
  });

  it('finds every step once in a run that was killed after it had written events past its checkpoint', async () => {
    const killed = join(folder, 'killed');
    const sets = ['train.epochs=100000', 'validate.everyEpochs=10000', 'checkpoint.everySteps=1000000'];
    await trainUntil({ afterStep: 21 }, killed, { config: config(...sets) });
    const train = new Train(['--resume', killed]);
    const own = () => readdirSync(events(killed)).sort()[1];
    const bytes = () => (own() ? statSync(join(events(killed), own()!)).size : 0);
    expect(await train.until(() => bytes() > 20_000)).toBe(true);
    train.kill('SIGKILL');
    await train.ended;
    const told = scalarsIn(events(killed), 'loss/train').at(-1)![0];
    expect(told, 'events past the checkpoint').toBeGreaterThan(30);
    await trainUntil({ afterStep: 26 }, killed, { sets: [] });
    expect(readdirSync(events(killed))).toHaveLength(3);
    const { scalars } = read(killed);
    expect(scalars['loss/train']).toEqual(losses(killed, 'step'));
    expect(losses(killed, 'step')).toHaveLength(26);
  });
});
