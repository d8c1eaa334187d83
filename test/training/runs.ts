/** Small runs on small data: made, stopped, gone on with, and compared to the bit. */
import { mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { parseConfigText } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { syntheticDataset } from '../../src/data/synthetic.js';
import { type Checkpoint, checkpointSteps, readCheckpoint } from '../../src/training/checkpoint.js';
import { resumeRun, startRun, type TrainOptions, type TrainOutcome } from '../../src/training/train.js';
import { type Tables, tinyDataset, wordToIdx } from '../data/tiny-dataset.js';

export interface DataOptions {
  readonly captions?: number;
  readonly valCaptions?: number;
  readonly featureDim?: number;
  readonly seed?: number;
  /** Changes the training features, (images, D), before they are written; image i belongs to caption i. */
  readonly spoil?: (features: Float32Array) => void;
}

/** Writes random captions of ragged length, one an image, in the layout of CS231n's data, and returns the folder. */
export async function writeData(options: DataOptions = {}): Promise<string> {
  const { captions = 20, valCaptions = 9, featureDim = 32, seed = 5, spoil } = options;
  const shape = { images: captions, steps: 9, featureDim, vocabSize: 40, lengths: 'data' as const };
  const { train, vocabulary } = syntheticDataset({ ...shape, captions }, seed);
  const { train: val } = syntheticDataset({ ...shape, captions: valCaptions, images: valCaptions }, seed + 1);
  spoil?.(train.features.data as Float32Array);
  const captionTables: Record<string, Tables[string]> = {};
  const files: Record<string, Tables | string> = {
    'coco2014_captions.h5': captionTables,
    'coco2014_vocab.json': JSON.stringify({
      idx_to_word: vocabulary.idxToWord,
      word_to_idx: wordToIdx(vocabulary.idxToWord),
    }),
  };
  for (const [name, split] of Object.entries({ train, val })) {
    const { captions: rows, imageIdxs, features, count, columns } = split;
    captionTables[`${name}_captions`] = { data: Int32Array.from(rows), shape: [count, columns] };
    captionTables[`${name}_image_idxs`] = { data: Int32Array.from(imageIdxs), shape: [count] };
    files[`${name}2014_vgg16_fc7.h5`] = {
      features: { data: Float32Array.from(features.data), shape: [features.rows, features.columns] },
    };
  }
  const dir = join(temporaryFolder(), 'data');
  renameSync((await tinyDataset(files)).dir, dir);
  return dir;
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

type Events = TrainOptions['events'];

export interface Watched {
  readonly options: TrainOptions;
  readonly warnings: string[];
  readonly notes: string[];
  /** What SIGINT does: the run stops after the step under way. */
  stop(): void;
}

/** Options that keep what the run tells; `events` are called beside. */
export function watched(events: Partial<Events> = {}, more: Partial<TrainOptions> = {}): Watched {
  const warnings: string[] = [];
  const notes: string[] = [];
  const interruption: { signal: NodeJS.Signals | null } = { signal: null };
  return {
    warnings,
    notes,
    stop: () => {
      interruption.signal = 'SIGINT';
    },
    options: {
      interruption,
      events: {
        started: () => {},
        step: () => {},
        validated: () => {},
        captions: () => {},
        checkpointed: () => {},
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

/** Where a run is to stop: after a step, before its validation, or right after the validation that follows the step. */
export type Stop = { readonly afterStep: number } | { readonly afterValidationOf: number };

/** Starts a run, or goes on with it where `sets` is given, and stops it at `stop`. */
export async function trainUntil(
  stop: Stop | null,
  dir: string,
  how: { readonly config: Config } | { readonly sets: readonly string[] },
): Promise<TrainOutcome> {
  const watch: Watched = watched({
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
  expect(outcome.signal, 'the run stops where it should').toBe(stop ? 'SIGINT' : null);
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

/** Everything a run computed: its log without times and faults, and each bit of its last parameters and moments. */
export function resultOf(dir: string): { metrics: unknown[]; step: number; tensors: Record<string, string> } {
  const { state, parameters, m, v } = newestCheckpoint(dir);
  const tensors: Record<string, string> = {};
  for (const [group, map] of Object.entries({ parameters, m, v })) {
    for (const [name, { data }] of map) {
      tensors[`${group} ${name}`] = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    }
  }
  const metrics = readMetrics(dir)
    .filter(({ type }) => type !== 'fault')
    .map(({ captionsPerSecond, ...record }) => record);
  return { metrics, step: state.step, tensors };
}
