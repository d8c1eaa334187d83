/** What has become of a run when it ends or stops. */
import { join } from 'node:path';
import { type OnDisk, onDisk } from '../checkpoints/checkpoint-folder.js';
import { bestName, checkpointName } from '../checkpoints/checkpoint-format.js';
import type { Trainer } from '../loop/trainer.js';
import type { ValidationMetric } from './patience.js';
import { hasStoppedEarly, type Progress } from './progress.js';
import type { RunFolder } from './run-folder.js';
import type { LoopOutcome } from './run-loop.js';

export interface TrainOutcome {
  readonly dir: string;
  readonly step: number;
  readonly lastStep: number;
  /** Whether it was asked to stop and did so before its last step. */
  readonly stopped: boolean;
  /** Whether validations had not become better for as long as the config waits. */
  readonly stoppedEarly: boolean;
  /** Of the last minibatch; null where no step was due. */
  readonly loss: number | null;
  /** False when the newest state could not be written. */
  readonly saved: boolean;
  /** The best validation of the run; its step is null where an old checkpoint did not tell and its file is lost. */
  readonly best: BestValidation | null;
  /** False when a best state that was found since the run was started or gone on with could not be written. */
  readonly bestSaved: boolean;
  /** Paths of the checkpoints that are really there at the end; null where there is none. */
  readonly checkpoints: { readonly newest: string | null; readonly best: string | null };
  /** Their steps. */
  readonly onDisk: OnDisk;
  /** The run had nothing left to do. */
  readonly alreadyComplete: boolean;
  /** Spent training, over all resumptions. */
  readonly elapsedSeconds: number;
}

export interface BestValidation {
  readonly step: number | null;
  /** `validate.metric` of the run's config. */
  readonly metric: ValidationMetric;
  readonly value: number;
}

/** @param alreadyComplete whether nothing was left to do when the loop was entered */
export function outcomeOf(
  trainer: Trainer,
  folder: RunFolder,
  progress: Progress,
  alreadyComplete: boolean,
  { stopped, loss, saved, foundBest }: LoopOutcome,
): TrainOutcome {
  const { step, bestStep, bestValidation: best, elapsedSeconds } = progress;
  const { metric } = trainer.config.validate;
  const there = onDisk(folder.checkpointsDir);
  const pathOf = (name: string) => join(folder.checkpointsDir, name);
  const isBestNewest = there.newest === there.best;
  return {
    dir: folder.dir,
    step,
    lastStep: trainer.lastStep,
    stopped,
    stoppedEarly: hasStoppedEarly(trainer, progress),
    loss,
    saved,
    best: best === null ? null : { step: bestStep, metric, value: best },
    bestSaved: !foundBest || there.best === bestStep,
    checkpoints: {
      newest: there.newest === null ? null : pathOf(isBestNewest ? bestName : checkpointName(there.newest)),
      best: there.best === null ? null : pathOf(bestName),
    },
    onDisk: there,
    alreadyComplete,
    elapsedSeconds,
  };
}
