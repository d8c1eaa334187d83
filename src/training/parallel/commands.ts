/** What the coordinator asks of every process of a run, itself among them, and what each of them answers. */
import type { Config } from '../../config/schema.js';
import type { Batch } from '../../data/batches.js';
import type { DataSource } from '../../data/data-source.js';
import type { SplitName } from '../../data/dataset.js';
import type { GradientSource, ParameterValues } from '../../engine/engine.js';
import type { EngineChoice } from '../../engine/select.js';
import { isSystemError, TrainingError, UserError } from '../../errors.js';
import type { Decoding } from '../../model/decoding/decoding.js';
import type { ModelRecipe } from '../../model/family.js';
import type { Draws } from '../../tensor/draws.js';
import type { Precision } from '../../tensor/matrix.js';
import type { ChunkSquares, UpdatePass } from './journaled-update.js';
import type { UpdateArrays } from './share-options.js';
import type { TaskResult } from './tasks.js';

/** Of the random numbers that the model uses while it is trained. */
export type DrawAddress = Omit<Draws, 'rows'>;

export type Command =
  /** Loss and gradient of the batch; the gradients are left in the shards' slots. */
  | { readonly kind: 'gradients'; readonly batch: Batch; readonly address: DrawAddress }
  /** The words that the batch's captions read, some of them drawn from the model. */
  | { readonly kind: 'sample'; readonly batch: Batch; readonly address: DrawAddress; readonly probability: number }
  | { readonly kind: 'loss'; readonly batch: Batch; readonly parameters: ParameterValues }
  | {
      readonly kind: 'captions';
      readonly split: SplitName;
      readonly images: readonly number[];
      readonly decoding: Decoding;
      readonly parameters: ParameterValues;
    }
  /** The squares of the gradient sum. */
  | { readonly kind: 'measure'; readonly source: GradientSource }
  | { readonly kind: 'update'; readonly pass: UpdatePass }
  /** Names of parameters of whose gradient something is not finite, or would not be once it is squared. */
  | { readonly kind: 'nonFinite' }
  /** Every process has all of what training keeps beside the parameters, of which it otherwise keeps its own range. */
  | { readonly kind: 'collect' }
  /** Parameters, and all that is kept beside them, become those of the first process. */
  | { readonly kind: 'take' };

export interface Answer {
  /** Of the process's own tasks: those of a shard each, or of a part of the images. */
  readonly results: readonly { readonly index: number; readonly result: TaskResult }[];
  /** Of the chunks of the process's range, which begins where that of the process before ends; empty where none were asked for. */
  readonly squares: ChunkSquares;
  readonly names: readonly string[];
  /** What kept the process from doing it. */
  readonly failure: Failure | null;
  /** Failures of workers that were mended. */
  readonly faults: readonly string[];
}

export interface Failure {
  /** An error that is known, and so no bug. */
  readonly known: 'UserError' | 'TrainingError' | null;
  readonly message: string;
}

/** What the first process needs to know of each before it says anything. */
export interface Hello {
  readonly host: string;
  readonly pid: number;
  readonly recapVersion: string;
  /** Its command line's config; null where that names none. */
  readonly config: Config | null;
  /** Threads of its machine that it may use, and which processors those are; '' where the system does not tell. */
  readonly threads: number;
  readonly processors: string;
  /** What is wrong with its command line or its config file. */
  readonly failure: Failure | null;
}

/** The data that all processes are to load, each for itself. */
export interface Load {
  readonly kind: 'load';
  readonly config: Config;
  readonly source: DataSource;
  readonly precision: Precision;
}

export interface Loaded {
  readonly checksum: string;
  readonly failure: Failure | null;
}

/** All else that a process needs to make its share. */
export interface Begin {
  readonly kind: 'begin';
  readonly engine: EngineChoice;
  readonly recipe: ModelRecipe;
  readonly updates: UpdateArrays;
  readonly batchSize: number;
  /** Of each process. */
  readonly workers: readonly number[];
  readonly shards: number;
}

export interface Begun {
  readonly failure: Failure | null;
}

/** Messages between all processes are timed, where `counts` are the numbers that one holds; without any it is only answered. */
export interface Probe {
  readonly kind: 'probe';
  readonly counts: readonly number[];
}

/** The run is over, or never began. */
export interface End {
  readonly kind: 'end';
}

export type Message = Load | Begin | Probe | Command | End;

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { known: null, message: String(error) };
  if (error instanceof UserError) return { known: 'UserError', message: error.message };
  if (error instanceof TrainingError || isSystemError(error)) return { known: 'TrainingError', message: error.message };
  return { known: null, message: error.stack ?? error.message };
}

/** @param where it happened, said before */
export function errorOf({ known, message }: Failure, where = ''): Error {
  const text = `${where === '' ? '' : `${where}: `}${message}`;
  if (known === 'UserError') return new UserError(...text.split('\n'));
  if (known === 'TrainingError') return new TrainingError(text);
  return Object.assign(new Error(text.split('\n')[0]), { stack: text });
}
