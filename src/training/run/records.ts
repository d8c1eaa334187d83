/** The records of metrics.jsonl, one a line; docs/formats.md describes them for readers. */
import type { Scores } from '../../evaluation/score-captions.js';
import { type Phases, phasesOf } from '../loop/step-phases.js';
import type { TrainingStep } from '../loop/training-steps.js';
import type { SampleCaption, ValidationLoss } from '../loop/validation.js';
import type { HealthNotice } from './health-rules.js';
import type { LoggedRecord } from './log-lines.js';

export type RunRecord =
  | StepRecord
  | ValidationRecord
  | SamplesRecord
  | ({ readonly type: 'health'; readonly step: number } & HealthNotice)
  /** A loss or gradient that was not finite; or what happened to a worker whose task was run again. */
  | { readonly type: 'nonFinite' | 'fault'; readonly step: number; readonly fault: string };

export interface StepRecord extends Omit<TrainingStep, 'timing' | 'captions' | 'skipped' | 'source' | 'rewards'> {
  readonly type: 'step';
  readonly rewards?: NonNullable<TrainingStep['rewards']>;
  readonly captionsPerSecond: number;
  readonly seconds: Phases;
  /** Resident set of the process. */
  readonly memoryBytes: number;
}

export interface ValidationRecord extends ValidationLoss {
  readonly type: 'validation';
  readonly step: number;
  readonly epoch: number;
  readonly scores?: Scores;
}

export interface SamplesRecord {
  readonly type: 'samples';
  readonly step: number;
  readonly epoch: number;
  readonly samples: readonly SampleRecord[];
}

export interface SampleRecord extends SampleCaption {
  /** The path of a small picture, seen from the run's folder. */
  readonly thumbnail?: string;
}

/** Whether a record of a log comes from a validation. Sampled captions were called captions before. */
export function isOfValidation({ type, kind }: LoggedRecord): boolean {
  return ['validation', 'samples', 'captions'].includes(type as string) || kind === 'overfitting';
}

export function stepRecord(
  { timing, captions, skipped, source, rewards, ...step }: TrainingStep,
  workers: number,
): StepRecord {
  const { compute, wait, update, rest } = phasesOf(timing, workers);
  return {
    type: 'step',
    ...step,
    ...(rewards ? { rewards } : {}),
    captionsPerSecond: Math.round((captions * 1000) / timing.total),
    seconds: { compute: seconds(compute), wait: seconds(wait), update: seconds(update), rest: seconds(rest) },
    memoryBytes: process.memoryUsage.rss(),
  };
}

/** In whole microseconds, which is all that the clock is good for. */
function seconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1e6;
}
