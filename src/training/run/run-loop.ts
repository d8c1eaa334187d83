/** The loop of a run: validate, checkpoint, stop, step. Its top is the only place that decides what is due. */
import { TrainingError } from '../../errors.js';
import { type CheckpointKind, CheckpointWriter, type SaveResult } from '../checkpoints/checkpoint-writer.js';
import { NonFiniteError } from '../loop/non-finite.js';
import type { Trainer } from '../loop/trainer.js';
import { trainingSteps } from '../loop/training-steps.js';
import { sampleCaptions, validatedParameters, validationLoss, validationScores } from '../loop/validation.js';
import { type Coordinator, UnfinishedUpdateError } from '../parallel/coordinator.js';
import type { Health } from './health.js';
import {
  areScoresDue,
  countStep,
  countValidation,
  isAtEnd,
  isComplete,
  isValidationDue,
  type Progress,
  trainingState,
} from './progress.js';
import type { StepRecord } from './records.js';
import type { RunEvents } from './run-events.js';
import type { RunFolder } from './run-folder.js';
import { RunLog } from './run-log.js';

export interface LoopOptions {
  readonly events: RunEvents;
  /** Asks the run to stop after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the last step is done, while the workers still run. */
  readonly finished?: ((trainer: Trainer) => Promise<void>) | undefined;
}

/** What a run has by the name of a step when it enters the loop. */
export interface Standing {
  readonly progress: Progress;
  /** No checkpoint that is named after its step holds the present state. */
  readonly unsaved: boolean;
  /** What the log says of the last step; null where it says nothing. */
  readonly lastStep: StepRecord | null;
  /** What the run has noticed so far. */
  readonly health: Health;
}

export interface LoopOutcome {
  /** Whether it was asked to stop and did so before its last step. */
  readonly stopped: boolean;
  /** Of the last minibatch; null where no step was due. */
  readonly loss: number | null;
  /** False when the newest state could not be written. */
  readonly saved: boolean;
  /** The best validation of the run was one of these steps, so that its checkpoint was written here or failed here. */
  readonly foundBest: boolean;
}

/** The run's folder is another's by now, and nothing of this run may be written there. */
export class LostFolderError extends TrainingError {
  constructor(dir: string, why: string, step: number, savedStep: number | null) {
    super(
      `Stopped after step ${step}, because the run folder ${dir} is no longer this run's: ${why}. Nothing more was ` +
        `written there. ${savedStep === null ? 'No checkpoint had been written' : `The last checkpoint was that of step ${savedStep}`}; ` +
        'if the folder was moved, go on with it by `recap train --resume` where it is now.',
    );
  }
}

/**
 * Takes a run to its last step, or until it is interrupted. `progress` is kept up to date.
 *
 * @throws TrainingError when training fails, or the run's folder is lost to another
 */
export async function runLoop(
  trainer: Trainer,
  folder: RunFolder,
  { progress, unsaved, lastStep: lastLogged, health }: Standing,
  { events, signal, finished }: LoopOptions,
): Promise<LoopOutcome> {
  const { coordinator, config, lastStep } = trainer;
  const hasWork = !isComplete(trainer, progress);
  const owesValidation = isValidationDue(trainer, progress);
  const from = hasWork ? { step: progress.step, owesValidation, lastStep: lastLogged } : null;
  const log = new RunLog(trainer, folder, { from, health }, events);
  const writer = new CheckpointWriter({
    folder: folder.checkpointsDir,
    runId: folder.runId,
    memory: coordinator.memory,
    keep: config.checkpoint.keep,
    syncFirst: [folder.metricsPath],
    guardFile: folder.guardFile,
  });
  coordinator.onFault = (fault) => {
    events.warning(fault);
    log.fault(progress.step + 1, fault);
  };
  const startedAt = performance.now() - progress.elapsedSeconds * 1000;
  const saving = { unsaved, failed: false, foundBest: false, lastWritten: null as number | null };
  let loss: number | null = null;

  const save = async (kind: CheckpointKind): Promise<void> => {
    log.flush();
    progress.elapsedSeconds = (performance.now() - startedAt) / 1000;
    if (kind === 'step') saving.unsaved = false;
    const result = await writer.save(trainingState(trainer, progress), kind);
    reportSave(result, kind, events);
    if (result.written) {
      saving.lastWritten = result.step;
      log.disk(progress.step, result.bytes);
    }
    if (kind !== 'step' || (!result.written && result.superseded)) return;
    saving.failed = !result.written;
    if (saving.failed && result.step === progress.step) saving.unsaved = true;
  };
  /** What is being written may be all there is to write, or fail and have to be written again. */
  const saveLast = async (): Promise<void> => {
    await coordinator.collect();
    await writer.flush();
    if (saving.unsaved) await save('step');
  };

  try {
    if (hasWork) events.started(trainer, { dir: folder.dir, doneSteps: progress.step });
    const steps = trainingSteps(trainer, progress.step + 1, lastStep, () => progress.plateaus.count);
    for (;;) {
      const holding = folder.holding();
      if (holding.state === 'lost') {
        throw new LostFolderError(folder.dir, holding.why, progress.step, saving.lastWritten);
      }
      if (isValidationDue(trainer, progress)) {
        const validated = await validate(trainer, progress, log, { events, signal });
        if (validated !== null) saving.unsaved = true;
        if (validated?.isBest) {
          saving.foundBest = true;
          await coordinator.collect();
          void save('best');
        }
      }
      if (signal?.aborted || isAtEnd(trainer, progress)) {
        await saveLast();
        break;
      }
      if (saving.unsaved && progress.step % config.checkpoint.everySteps === 0) {
        await coordinator.collect();
        const saved = save('step');
        // So that a log with a step in it means that the run had a checkpoint once, or was told that it has none.
        if (progress.step === 0) await saved;
      }

      const { value: step } = await steps.next();
      if (!step) break;
      saving.unsaved = true;
      loss = step.loss;
      const means = countStep(trainer, progress, step);
      log.step(step);
      events.step(step);
      if (means !== undefined) events.epochEnded(step, means?.loss ?? null, means?.reward ?? null);
    }
    if (hasWork && !signal?.aborted) await finished?.(trainer);
  } catch (error) {
    if (error instanceof NonFiniteError) log.nonFinite(error.step, error.fault);
    // Unless an update broke off, the parameters are those of the last good step.
    const isLost = error instanceof UnfinishedUpdateError || error instanceof LostFolderError;
    if (!isLost && (await isWhole(coordinator))) await saveLast();
    throw error;
  } finally {
    log.close(isComplete(trainer, progress) ? progress.step : null);
    await writer.close();
  }
  return { stopped: !isComplete(trainer, progress), loss, saved: !saving.failed, foundBest: saving.foundBest };
}

/** Whether what is to be saved is in this process's memory: the others may be lost. */
async function isWhole(coordinator: Coordinator): Promise<boolean> {
  try {
    await coordinator.collect();
    return true;
  } catch {
    return false;
  }
}

/**
 * Loss on the validation split, scores where they are due, and a few captions. It counts, in the progress and in the log, when all of it is done.
 *
 * @returns null when it was interrupted while it measured; what is measured is not thrown away for the sake of a few captions
 */
async function validate(
  trainer: Trainer,
  progress: Progress,
  log: RunLog,
  { events, signal }: LoopOptions,
): Promise<{ isBest: boolean } | null> {
  const { coordinator, dataset, config, references } = trainer;
  const { val, vocabulary } = dataset;
  const parameters = validatedParameters(config);
  const doing = (what: string) => (done: number, of: number) => events.validating(what, done, of);
  log.distributions(progress.step);
  const losses = await validationLoss(coordinator, val, signal, parameters, doing('captions'));
  if (losses === null) return null;
  const { captions, scores: scored } = config.validate;
  const areDue = areScoresDue(trainer, progress);
  const scores = areDue
    ? await validationScores(
        coordinator,
        val,
        vocabulary,
        references!,
        scored.tokens,
        signal,
        parameters,
        doing('images captioned'),
      )
    : null;
  if (areDue && scores === null) return null;
  const samples = await log.pictured(await sampleCaptions(coordinator, val, vocabulary, captions, parameters));

  const validation = { ...losses, scores };
  const isBest = countValidation(trainer, progress, validation);
  const { step, validatedEpoch: epoch } = progress;
  log.validation(step, epoch, { ...validation, samples });
  events.validated(epoch, validation, isBest);
  if (samples.length > 0) events.captions(samples);
  return { isBest };
}

function reportSave(result: SaveResult, kind: CheckpointKind, events: RunEvents): void {
  if (result.written) events.checkpointed(result.path, result.step);
  else if (result.superseded) return;
  else if (kind === 'step') {
    events.warning(
      `The checkpoint of step ${result.step} could not be written (${result.reason}). Earlier ones are untouched; ` +
        'the next one is tried when it is due.',
    );
  } else {
    events.warning(
      `The best checkpoint so far, of step ${result.step}, could not be written (${result.reason}). ` +
        `${result.kept ? 'It is kept in memory and tried again before the next one and at the end.' : 'The best one before it is untouched.'}`,
    );
  }
}
