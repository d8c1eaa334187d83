/** The folder of a run that goes on: its log and its best checkpoint as they were when the state it goes on from was saved. */
import { join } from 'node:path';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { secureBest } from '../checkpoints/checkpoint-folder.js';
import { bestName } from '../checkpoints/checkpoint-format.js';
import type { Trainer } from '../loop/trainer.js';
import { cutBackMetrics, setAsideMetrics } from './cut-back-metrics.js';
import type { Health } from './health.js';
import type { LoggedRecord } from './log-lines.js';
import type { Progress } from './progress.js';
import { isOfValidation, type StepRecord } from './records.js';
import type { RunEvents } from './run-events.js';
import type { RunFolder } from './run-folder.js';

/**
 * A validation that the stop came before is done again, and must not stand in the log twice.
 *
 * @returns what the log says of the last step; null where it says nothing
 */
export function cutBackLog(
  trainer: Trainer,
  { metricsPath }: RunFolder,
  progress: Progress,
  health: Health,
  events: RunEvents,
): StepRecord | null {
  const { step, validatedEpoch } = progress;
  const validated = validatedEpoch * trainer.stepsPerEpoch;
  let last: LoggedRecord | null = null;
  const { existed, steps } = cutBackMetrics(
    metricsPath,
    step,
    (record) => isOfValidation(record) && (record.step as number) > validated,
    (record) => {
      health.recall(record);
      if (record.type === 'step' && record.step === step) last = record;
    },
  );
  if (steps < step) {
    const what = existed ? `lacks ${step - steps} of the ${step} steps` : `is not there; it held the ${step} steps`;
    events.warning(`${metricsPath} ${what} before this resumption. The run goes on all the same.`);
  }
  return last as StepRecord | null;
}

/** No checkpoint is there: a run killed at its very start, or one whose checkpoints are gone. */
export function beginAgain({ metricsPath, checkpointsDir }: RunFolder, events: RunEvents): void {
  const kept = setAsideMetrics(metricsPath);
  if (kept === null) return;
  events.warning(
    `${checkpointsDir} holds no checkpoint, although ${metricsPath} tells of training, so the run begins again at step ` +
      `0. The old log is kept beside as ${kept}. If the checkpoints are elsewhere, stop and put them back.`,
  );
}

/** Where the best checkpoint is no longer there, the next validation that is better makes it anew. */
export function findBest(
  { validate: { metric } }: Config,
  folder: RunFolder,
  checkpoint: Checkpoint,
  progress: Progress,
  events: RunEvents,
): void {
  const { bestValidation: best } = progress;
  if (best === null) return;
  const path = join(folder.checkpointsDir, bestName);
  let why = '';
  let step: number | null = null;
  try {
    step = secureBest(folder.checkpointsDir, checkpoint, (_path, fault) => {
      why += ` ${fault}`;
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    why += ` ${(error as Error).message}.`;
  }
  if (step !== null) progress.bestStep = step;
  else {
    const of = progress.bestStep === null ? 'of' : `of step ${progress.bestStep} and`;
    events.warning(
      `The best checkpoint, ${of} a validation ${metric} of ${best.toFixed(4)}, is not in ${path}.${why} ` +
        `The next validation with a ${metric === 'loss' ? 'lower loss' : `higher ${metric}`} is kept there.`,
    );
  }
}
