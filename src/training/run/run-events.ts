/** What a run tells whoever watches it: for people, but for the records, which metrics.jsonl gets too. */

import type { Trainer } from '../loop/trainer.js';
import type { TrainingStep } from '../loop/training-steps.js';
import type { SampleCaption, Validation } from '../loop/validation.js';
import type { HealthNotice } from './health-rules.js';
import type { RunRecord } from './records.js';

export interface RunEvents {
  /** Before that, and before the first line of a run: what is being done, where that takes its time, and how much of it. */
  preparing(what: string, done?: number, of?: number): void;
  /** Before the first step. */
  started(trainer: Trainer, run: { readonly dir: string; readonly doneSteps: number }): void;
  step(step: TrainingStep): void;
  /**
   * After the last step of an epoch.
   *
   * @param meanLoss of the captions of all its steps that were not left out, also of those before a resumption; null
   *   where there are none, or where a checkpoint of format 1 within the epoch did not record the sum
   * @param meanReward of the same captions, where they are the model's own
   */
  epochEnded(step: TrainingStep, meanLoss: number | null, meanReward: number | null): void;
  /** Within a validation, whenever more of it is done. */
  validating(what: string, done: number, of: number): void;
  validated(epoch: number, validation: Validation, isBest: boolean): void;
  captions(samples: readonly SampleCaption[]): void;
  checkpointed(path: string, step: number): void;
  /** Whenever metrics.jsonl gets a line. */
  recorded(record: RunRecord): void;
  /** Something about the run that its owner should look at; each kind once a run. */
  health(notice: HealthNotice): void;
  warning(message: string): void;
  note(message: string): void;
}

/** The events that someone listens to, and nothing for the others. */
export function allEvents(some: Partial<RunEvents> = {}): RunEvents {
  return {
    preparing: (...told) => some.preparing?.(...told),
    started: (...told) => some.started?.(...told),
    step: (...told) => some.step?.(...told),
    epochEnded: (...told) => some.epochEnded?.(...told),
    validating: (...told) => some.validating?.(...told),
    validated: (...told) => some.validated?.(...told),
    captions: (...told) => some.captions?.(...told),
    checkpointed: (...told) => some.checkpointed?.(...told),
    recorded: (...told) => some.recorded?.(...told),
    health: (...told) => some.health?.(...told),
    warning: (...told) => some.warning?.(...told),
    note: (...told) => some.note?.(...told),
  };
}
