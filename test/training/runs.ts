/** Small runs on small data: made, stopped, gone on with, and compared to the bit. */
import { existsSync, mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { parseConfigText } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { copyRow } from '../../src/data/feature-table.js';
import { syntheticDataset } from '../../src/data/synthetic.js';
import { type Checkpoint, readCheckpoint } from '../../src/training/checkpoints/checkpoint.js';
import { checkpointSteps } from '../../src/training/checkpoints/checkpoint-folder.js';
import { resumeRun, startRun, type TrainOptions } from '../../src/training/run/train.js';
import type { TrainOutcome } from '../../src/training/run/train-outcome.js';
import { type Tables, tinyDataset, wordToIdx } from '../data/tiny-dataset.js';

export interface DataOptions {
  readonly captions?: number;
  readonly valCaptions?: number;
  readonly featureDim?: number;
  readonly seed?: number;
  /** Changes the training features, (images, D), before they are written; image i belongs to caption i. */
  readonly spoil?: (features: Float32Array) => void;
}

/** Writes random captions of ragged length, one an image, and grids of 4 × 6, in the layout of CS231n's data, and returns the folder. */
export async function writeData(options: DataOptions = {}): Promise<string> {
  const { captions = 20, valCaptions = 9, featureDim = 32, seed = 5, spoil } = options;
  const grid = { positions: 4, columns: 6 };
  const shape = { images: captions, steps: 9, featureDim, vocabSize: 40, lengths: 'data' as const, grid };
  const { train, vocabulary } = syntheticDataset({ ...shape, captions }, seed);
  const { train: val } = syntheticDataset({ ...shape, captions: valCaptions, images: valCaptions }, seed + 1);
  spoil?.(train.inputs.features!.data as Float32Array);
  const captionTables: Record<string, Tables[string]> = {};
  const files: Record<string, Tables | string> = {
    'coco2014_captions.h5': captionTables,
    'coco2014_vocab.json': JSON.stringify({
      idx_to_word: vocabulary.idxToWord,
      word_to_idx: wordToIdx(vocabulary.idxToWord),
    }),
  };
  for (const [name, split] of Object.entries({ train, val })) {
    const { captions: rows, imageIdxs, inputs, count, columns } = split;
    const features = inputs.features!;
    captionTables[`${name}_captions`] = { data: Int32Array.from(rows), shape: [count, columns] };
    captionTables[`${name}_image_idxs`] = { data: Int32Array.from(imageIdxs), shape: [count] };
    const vectors = new Float32Array(inputs.grid!.rows * inputs.grid!.columns);
    for (let row = 0; row < inputs.grid!.rows; row++) copyRow(inputs.grid!, row, vectors, row * inputs.grid!.columns);
    files[`${name}2014_grid.h5`] = {
      grid: { data: vectors, shape: [inputs.grid!.rows, grid.positions, grid.columns] },
    };
    files[`${name}2014_vgg16_fc7.h5`] = {
      features: { data: Float32Array.from(features.data), shape: [features.rows, features.columns] },
    };
    if (name === 'val') continue;
    // Two further views, brighter and negated.
    files['train2014_vgg16_fc7_views.h5'] = {
      features: { data: twoViewsOf(features.data), shape: [2 * features.rows, features.columns] },
    };
    files['train2014_grid_views.h5'] = {
      grid: { data: twoViewsOf(vectors), shape: [2 * inputs.grid!.rows, grid.positions, grid.columns] },
    };
  }
  const dir = join(temporaryFolder(), 'data');
  renameSync((await tinyDataset(files)).dir, dir);
  return dir;
}

function twoViewsOf(values: ArrayLike<number>): Float32Array {
  return Float32Array.from({ length: 2 * values.length }, (_, i) =>
    i < values.length ? 1.5 * values[i]! : -values[i - values.length]!,
  );
}

/** A model of a few thousand parameters; 20 captions make 4 steps an epoch, the last one smaller. */
export function smallConfig(dataDir: string, sets: readonly string[] = []): Config {
  const config = {
    data: { dir: dataDir },
    model: { cell: 'lstm', wordDim: 16, hiddenDim: 24 },
    train: { epochs: 3, batchSize: 6, optimizer: { learningRate: 0.01 }, workers: 2, shards: 3, lrDecay: 0.9 },
    engine: { name: 'cpu', blas: 'none' },
    checkpoint: { everySteps: 1000, keep: 100 },
    validate: { captions: 2 },
  };
  return parseConfigText(stringify(config), 'the small config', sets);
}

/** An empty place for runs. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'recap-runs-'));
}

type Events = NonNullable<TrainOptions['events']>;

export interface Watched {
  readonly options: TrainOptions;
  readonly warnings: string[];
  readonly notes: string[];
  /** What SIGINT does: the run stops after the step under way. */
  stop(): void;
}

/** Options that keep what the run tells; `events` are called beside. */
export function watched(events: Events = {}, more: Partial<TrainOptions> = {}): Watched {
  const warnings: string[] = [];
  const notes: string[] = [];
  const stop = new AbortController();
  return {
    warnings,
    notes,
    stop: () => stop.abort(),
    options: {
      signal: stop.signal,
      events: {
        ...events,
        warning: (message) => {
          warnings.push(message);
          events.warning?.(message);
        },
        note: (message) => notes.push(message),
      },
      ...more,
    },
  };
}

/**
 * Where a run is to stop: after a step, before its validation; right after the validation of an epoch; or before it does
 * anything, within the validation that it has to make up, if any.
 */
export type Stop = { readonly afterStep: number } | { readonly afterValidationOf: number } | { readonly atStart: true };

/** Starts a run, or goes on with it where `sets` is given, and stops it at `stop`. */
export async function trainUntil(
  stop: Stop | null,
  dir: string,
  how: { readonly config: Config } | { readonly sets: readonly string[] },
): Promise<TrainOutcome> {
  const watch: Watched = watched({
    started: () => {
      if (stop && 'atStart' in stop) watch.stop();
    },
    step: ({ step }) => {
      if (stop && 'afterStep' in stop && stop.afterStep === step) watch.stop();
    },
    validated: (epoch) => {
      if (stop && 'afterValidationOf' in stop && stop.afterValidationOf === epoch) watch.stop();
    },
  });
  const outcome =
    'config' in how ? await startRun(how.config, dir, watch.options) : await resumeRun(dir, how.sets, watch.options);
  expect(watch.warnings).toEqual([]);
  expect(outcome.stopped, 'the run stops where it should').toBe(stop !== null);
  return outcome;
}

type MetricsRecord = Readonly<Record<string, unknown>> & { readonly type: string; readonly step: number };

export function readMetrics(dir: string): MetricsRecord[] {
  const lines = readFileSync(join(dir, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

export function newestCheckpoint(dir: string): Checkpoint {
  const step = checkpointSteps(join(dir, 'checkpoints')).at(-1);
  return readCheckpoint(join(dir, 'checkpoints', `step-${step}.safetensors`));
}

export function bestCheckpoint(dir: string): Checkpoint | null {
  const path = join(dir, 'checkpoints', 'best.safetensors');
  return existsSync(path) ? readCheckpoint(path) : null;
}

export interface Result {
  readonly metrics: unknown[];
  readonly newest: unknown;
  readonly best: unknown;
}

/** Records that tell of the machine and not of what was computed. */
const isOfMachine = ({ type, kind }: MetricsRecord) =>
  type === 'fault' || (type === 'health' && ['waiting', 'disk', 'engine'].includes(kind as string));

/** Everything a run computed: its log without times, memory and faults, and its newest and its best state with all their bits. */
export function resultOf(dir: string): Result {
  const metrics = readMetrics(dir)
    .filter((record) => !isOfMachine(record))
    .map(({ captionsPerSecond, seconds, memoryBytes, ...record }) => record);
  const best = bestCheckpoint(dir);
  return { metrics, newest: contentsOf(newestCheckpoint(dir)), best: best && contentsOf(best) };
}

function contentsOf({ state, parameters, states, averages }: Checkpoint) {
  const tensors: Record<string, string> = {};
  for (const [group, map] of Object.entries({ parameters, averages, ...states })) {
    for (const [name, { data }] of map) {
      tensors[`${group} ${name}`] = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    }
  }
  const { step, epoch, validatedEpoch, validationLoss, validationScores, bestValidation, bestStep } = state;
  const { epochSums, plateaus, earlyStopping } = state;
  const best = { validatedEpoch, validationLoss, validationScores, bestValidation, bestStep };
  const validations = { ...best, plateaus, earlyStopping };
  return { step, epoch, ...validations, epochSums, tensors };
}
