/** Where a run stands: what of it a checkpoint records, and what is due. */
import type { Scores } from '../../evaluation/score-captions.js';
import type { CheckpointState } from '../checkpoints/checkpoint.js';
import type { TrainingState } from '../checkpoints/checkpoint-writer.js';
import type { Trainer } from '../loop/trainer.js';
import type { TrainingStep } from '../loop/training-steps.js';
import type { Validation } from '../loop/validation.js';
import {
  afterValidation,
  isBetter,
  noPatience,
  noPlateaus,
  type Patience,
  type Plateaus,
  plateausAfter,
} from './patience.js';

export interface Progress {
  step: number;
  /** The last epoch whose end was validated, which a stop may have kept from happening. */
  validatedEpoch: number;
  /** What `validate.metric` was at the best validation. */
  bestValidation: number | null;
  /** The step of the best validation; null before it, and where it is not known. */
  bestStep: number | null;
  /** Of exactly the present parameters, where it was measured. */
  validationLoss: number | null;
  /** Of exactly the present parameters, where they were measured. */
  validationScores: Scores | null;
  /** Of the unfinished epoch, steps left out not counted; null where an old checkpoint does not tell. */
  epochSums: EpochSums | null;
  /** What the schedule that goes by plateaus has seen; nothing with any other. */
  plateaus: Plateaus;
  /** What early stopping has seen; nothing where there is none. */
  earlyStopping: Patience;
  elapsedSeconds: number;
}

export interface EpochSums {
  readonly loss: number;
  readonly captions: number;
  /** Null where the captions are not the model's own. */
  readonly reward: number | null;
}

/** Of the captions of an epoch. */
export interface EpochMeans {
  readonly loss: number;
  readonly reward: number | null;
}

const noSums: EpochSums = { loss: 0, captions: 0, reward: null };

/** A new run's. */
export const noProgress: Progress = {
  step: 0,
  validatedEpoch: 0,
  bestValidation: null,
  bestStep: null,
  validationLoss: null,
  validationScores: null,
  epochSums: noSums,
  plateaus: noPlateaus,
  earlyStopping: noPatience,
  elapsedSeconds: 0,
};

/** What a checkpoint says. */
export function progressOf({ stepsPerEpoch }: Trainer, state: CheckpointState): Progress {
  const { step, validatedEpoch, bestValidation, bestStep, validationLoss, validationScores } = state;
  const { plateaus, earlyStopping, elapsedSeconds } = state;
  const epochSums = step % stepsPerEpoch === 0 ? noSums : state.epochSums;
  const validated = { validatedEpoch, bestValidation, bestStep, validationLoss, validationScores };
  return { step, ...validated, plateaus, earlyStopping, epochSums, elapsedSeconds };
}

/**
 * Counts a step.
 *
 * @returns at the end of an epoch the means of its captions, null where they are not known or no step counted;
 *   otherwise undefined
 */
export function countStep(
  { stepsPerEpoch }: Trainer,
  progress: Progress,
  step: TrainingStep,
): EpochMeans | null | undefined {
  progress.step = step.step;
  progress.validationLoss = null;
  progress.validationScores = null;
  const { epochSums } = progress;
  if (epochSums !== null && step.skipped === null) {
    const { loss, captions, reward } = epochSums;
    progress.epochSums = {
      loss: loss + step.loss * step.captions,
      captions: captions + step.captions,
      reward: step.rewards === null ? reward : (reward ?? 0) + step.rewards.samples * step.captions,
    };
  }
  if (step.step % stepsPerEpoch !== 0) return undefined;
  const sums = progress.epochSums;
  progress.epochSums = noSums;
  if (sums === null || sums.captions === 0) return null;
  const { loss, captions, reward } = sums;
  return { loss: loss / captions, reward: reward === null ? null : reward / captions };
}

/**
 * Counts the validation of the present parameters. One without the score that the config goes by changes neither the
 * best one nor what waits for a better one.
 *
 * @returns whether it is the best of the run
 */
export function countValidation(
  { config, stepsPerEpoch }: Trainer,
  progress: Progress,
  { loss, scores }: Validation,
): boolean {
  const { schedule, earlyStopping } = config.train;
  const { metric } = config.validate;
  const { step } = progress;
  progress.validatedEpoch = step / stepsPerEpoch;
  progress.validationLoss = loss;
  progress.validationScores = scores;
  const value = metric === 'loss' ? loss : scores?.[metric];
  if (value === undefined) return false;
  const isBest = isBetter(metric, value, progress.bestValidation);
  if (isBest) {
    progress.bestValidation = value;
    progress.bestStep = step;
  }
  if (schedule.name === 'plateau') progress.plateaus = plateausAfter(metric, progress.plateaus, value, schedule);
  if (earlyStopping.patience !== null) {
    progress.earlyStopping = afterValidation(metric, progress.earlyStopping, value, earlyStopping.minDelta);
  }
  return isBest;
}

export function isValidationDue(
  { config, dataset, stepsPerEpoch }: Trainer,
  { step, validatedEpoch }: Progress,
): boolean {
  const epoch = step / stepsPerEpoch;
  const { everyEpochs } = config.validate;
  const isEnd = Number.isInteger(epoch) && everyEpochs > 0 && epoch % everyEpochs === 0;
  return isEnd && epoch > validatedEpoch && dataset.val.count > 0;
}

/** Whether the validation that is due scores captions too. */
export function areScoresDue({ config, stepsPerEpoch }: Trainer, { step }: Progress): boolean {
  const { metric, scores } = config.validate;
  if (scores.everyEpochs === 'auto') return metric !== 'loss';
  return scores.everyEpochs > 0 && (step / stepsPerEpoch) % scores.everyEpochs === 0;
}

/** Whether validations have not become better for as long as the config waits. */
export function hasStoppedEarly({ config }: Trainer, { earlyStopping }: Progress): boolean {
  const { patience } = config.train.earlyStopping;
  return patience !== null && earlyStopping.waited >= patience;
}

/** No step is left to do. */
export function isAtEnd(trainer: Trainer, progress: Progress): boolean {
  return progress.step >= trainer.lastStep || hasStoppedEarly(trainer, progress);
}

/** Nothing is left to do, not even a validation that a stop has cut off. */
export function isComplete(trainer: Trainer, progress: Progress): boolean {
  return isAtEnd(trainer, progress) && !isValidationDue(trainer, progress);
}

/** What a checkpoint of this moment records. */
export function trainingState(
  {
    config,
    model,
    settings,
    dataset,
    wordVectorsChecksum,
    referencesChecksums,
    shards,
    engine,
    stepsPerEpoch,
  }: Trainer,
  progress: Progress,
): TrainingState {
  return {
    ...progress,
    epoch: Math.ceil(progress.step / stepsPerEpoch),
    config,
    model: model.recipe,
    rule: settings.optimiser.rule,
    vocabulary: dataset.vocabulary.idxToWord,
    shards,
    engine: { ...engine.description, notes: [...engine.description.notes] },
    engineChoice: { ...engine.choice },
    captions: { training: dataset.train.count, validation: dataset.val.count },
    stepsPerEpoch,
    dataChecksum: dataset.checksum,
    extractor: dataset.extractor,
    wordVectorsChecksum,
    referencesChecksums,
  };
}
