/** A run: a new one from a config, or one that goes on from its newest whole checkpoint. */

import { configToYaml, parseConfigText } from '../config/load.js';
import type { Config } from '../config/schema.js';
import type { EngineChoice } from '../engine/select.js';
import { flatView } from '../engine/shared-memory.js';
import { UserError } from '../errors.js';
import { cutBackMetrics, MetricsLog } from '../report/metrics-log.js';
import { type Checkpoint, restoreCheckpoint } from './checkpoint.js';
import { CheckpointWriter, type SaveResult } from './checkpoint-writer.js';
import { UnfinishedUpdateError } from './coordinator.js';
import { drawParameters, loadParameters } from './initial-parameters.js';
import { NonFiniteError } from './non-finite.js';
import { checkChanges } from './resumption.js';
import type { Interruption, RunEvents } from './run-events.js';
import { RunFolder, refuseUsedFolder } from './run-folder.js';
import { createTrainer, type Trainer } from './trainer.js';
import { type TrainingStep, trainingSteps } from './training-steps.js';
import { sampleCaptions, validationLoss } from './validation.js';

export interface TrainOptions {
  readonly events: RunEvents;
  readonly interruption: Interruption;
  /** Called when the last step is done, while the workers still run. */
  readonly finished?: (trainer: Trainer) => Promise<void>;
  /** The entry file of the workers; tests hand in one that fails on purpose. */
  readonly workerFile?: string;
}

export interface TrainOutcome {
  readonly dir: string;
  readonly step: number;
  readonly lastStep: number;
  /** The signal that stopped the run before its last step. */
  readonly signal: NodeJS.Signals | null;
  /** False when the newest state could not be written. */
  readonly saved: boolean;
  /** The run had nothing left to do. */
  readonly alreadyComplete: boolean;
  /** Spent training, over all resumptions. */
  readonly elapsedSeconds: number;
}

/** Where a run stands. */
interface Progress {
  step: number;
  /** The last epoch whose end was validated, which a stop may have kept from happening. */
  validatedEpoch: number;
  bestValidationLoss: number | null;
  /** Of exactly the present parameters, where it was measured. */
  validationLoss: number | null;
  elapsedSeconds: number;
}

/**
 * Trains a new run in folder `dir`.
 * @throws UserError when config or data do not fit, or the folder already holds a run
 */
export async function startRun(config: Config, dir: string, options: TrainOptions): Promise<TrainOutcome> {
  refuseUsedFolder(dir);
  const trainer = await createTrainer(config, trainerOptions(options));
  let folder: RunFolder | null = null;
  try {
    const progress = begin(trainer);
    folder = RunFolder.create(dir, configToYaml(trainer.config));
    return await goOn(trainer, folder, progress, options);
  } finally {
    await trainer.coordinator.close();
    folder?.unlock();
  }
}

/**
 * Goes on with the run in folder `dir` from its newest whole checkpoint, to the bit as if it had never stopped.
 *
 * @param sets overrides of those keys that may change
 * @throws UserError when there is no such run, or config or data are no longer those of the run
 */
export async function resumeRun(dir: string, sets: readonly string[], options: TrainOptions): Promise<TrainOutcome> {
  const folder = RunFolder.open(dir);
  let trainer: Trainer | null = null;
  try {
    const checkpoint = folder.newestCheckpoint((path, why) => {
      options.events.warning(`${why} Going back to the checkpoint before ${path}.`);
    });
    const config = parseConfigText(folder.readConfig(), folder.configPath, sets);
    const changes = checkpoint ? checkChanges(checkpoint.state.config, config) : [];
    trainer = await createTrainer(config, {
      ...trainerOptions(options),
      ...(checkpoint ? { recorded: checkpoint.state.engineChoice as EngineChoice } : {}),
    });
    const progress = checkpoint ? restore(trainer, checkpoint, options.events) : begin(trainer);
    for (const change of changes) options.events.note(`changed: ${change}`);
    folder.writeConfig(configToYaml(trainer.config));
    // A validation that the stop came before is done again, and must not stand in the log twice.
    const validated = progress.validatedEpoch * trainer.stepsPerEpoch;
    cutBackMetrics(folder.metricsPath, progress.step, { validation: validated, captions: validated });
    return await goOn(trainer, folder, progress, options);
  } finally {
    await trainer?.coordinator.close();
    folder.unlock();
  }
}

function trainerOptions({ events, workerFile }: TrainOptions) {
  return {
    onFault: (message: string) => events.warning(message),
    ...(workerFile === undefined ? {} : { workerFile }),
  };
}

function begin({ coordinator: { memory }, config }: Trainer): Progress {
  const flat = flatView(memory, memory.parameters);
  if (config.model.init === null) drawParameters(flat, memory.parameterLayout, config.train.seed);
  else loadParameters(flat, memory.parameterLayout, config.model.init);
  return { step: 0, validatedEpoch: 0, bestValidationLoss: null, validationLoss: null, elapsedSeconds: 0 };
}

function restore(trainer: Trainer, checkpoint: Checkpoint, events: RunEvents): Progress {
  const { state } = checkpoint;
  if (state.dataChecksum !== trainer.dataset.checksum) {
    throw new UserError(
      `The data is not what this run was trained on (checksum ${trainer.dataset.checksum}, expected ` +
        `${state.dataChecksum}). Put the original data back, or start a new run.`,
    );
  }
  if (JSON.stringify(state.engineChoice) !== JSON.stringify(trainer.engine.choice)) {
    events.warning(
      `This run was computed by ${state.engine.detail}, and goes on with ${trainer.engine.description.detail}: ` +
        'its numbers will differ in the last digits from those of a run never stopped.',
    );
  }
  restoreCheckpoint(trainer.coordinator.memory, checkpoint);
  const { step, validatedEpoch, bestValidationLoss, validationLoss, elapsedSeconds } = state;
  return { step, validatedEpoch, bestValidationLoss, validationLoss, elapsedSeconds };
}

/** The loop: step, log, validate, checkpoint. */
async function goOn(
  trainer: Trainer,
  folder: RunFolder,
  progress: Progress,
  { events, interruption, finished }: TrainOptions,
): Promise<TrainOutcome> {
  const { coordinator, config, lastStep } = trainer;
  const alreadyComplete = isComplete(trainer, progress);
  const metrics = new MetricsLog(folder.metricsPath, (message) => events.warning(message));
  const writer = new CheckpointWriter({
    folder: folder.checkpointsDir,
    runId: folder.runId,
    memory: coordinator.memory,
    keep: config.checkpoint.keep,
    syncFirst: [folder.metricsPath],
  });
  coordinator.onFault = (fault) => {
    events.warning(fault);
    metrics.append({ type: 'fault', step: progress.step + 1, fault });
  };
  const startedAt = performance.now() - progress.elapsedSeconds * 1000;
  let saved = true;
  const save = async (): Promise<void> => {
    metrics.write();
    progress.elapsedSeconds = (performance.now() - startedAt) / 1000;
    saved = reportSave(await writer.save(checkpointState(trainer, progress)), events);
  };
  const saveLast = async (): Promise<void> => {
    await writer.flush();
    await save();
  };
  const watch = { metrics, events, interruption };

  try {
    if (!alreadyComplete) events.started(trainer, { dir: folder.dir, doneSteps: progress.step });
    const { validated } = await validateIfDue(trainer, progress, watch);
    if (progress.step === 0 || validated) void save();
    for await (const step of trainingSteps(coordinator, trainer.settings, progress.step + 1, lastStep)) {
      progress.step = step.step;
      progress.validationLoss = null;
      logStep(step, metrics);
      events.step(step);

      const { isBest } = await validateIfDue(trainer, progress, watch);

      if (interruption.signal !== null || step.step === lastStep) {
        await saveLast();
        break;
      }
      if (isBest || step.step % config.checkpoint.everySteps === 0) void save();
    }
    if (!alreadyComplete && interruption.signal === null) await finished?.(trainer);
  } catch (error) {
    if (error instanceof NonFiniteError) metrics.append({ type: 'nonFinite', step: error.step, fault: error.fault });
    // Unless an update broke off, the parameters are those of the last good step.
    if (!(error instanceof UnfinishedUpdateError)) await saveLast();
    throw error;
  } finally {
    metrics.close();
    await writer.close();
  }
  const signal = isComplete(trainer, progress) ? null : interruption.signal;
  const { step, elapsedSeconds } = progress;
  return { dir: folder.dir, step, lastStep, signal, saved, alreadyComplete, elapsedSeconds };
}

function logStep({ timing, captions, skipped, ...record }: TrainingStep, metrics: MetricsLog): void {
  metrics.append({ type: 'step', ...record, captionsPerSecond: Math.round((captions * 1000) / timing.total) });
  if (skipped !== null) metrics.append({ type: 'nonFinite', step: record.step, fault: skipped });
}

interface Watch {
  readonly metrics: MetricsLog;
  readonly events: RunEvents;
  readonly interruption: Interruption;
}

/** Nothing is left to do, not even a validation that a stop has cut off. */
function isComplete(trainer: Trainer, progress: Progress): boolean {
  return progress.step >= trainer.lastStep && !isValidationDue(trainer, progress);
}

function isValidationDue({ config, dataset, stepsPerEpoch }: Trainer, { step, validatedEpoch }: Progress): boolean {
  const epoch = step / stepsPerEpoch;
  const { everyEpochs } = config.validate;
  const isEnd = Number.isInteger(epoch) && everyEpochs > 0 && epoch % everyEpochs === 0;
  return isEnd && epoch > validatedEpoch && dataset.val.count > 0;
}

/** At the end of an epoch that is due: loss on the validation split, and a few captions. */
async function validateIfDue(
  trainer: Trainer,
  progress: Progress,
  { metrics, events, interruption }: Watch,
): Promise<{ validated: boolean; isBest: boolean }> {
  const none = { validated: false, isBest: false };
  if (!isValidationDue(trainer, progress)) return none;
  const { coordinator, dataset, config, stepsPerEpoch } = trainer;
  const { step } = progress;
  const epoch = step / stepsPerEpoch;

  const validation = await validationLoss(coordinator, 'val', () => interruption.signal !== null);
  if (validation === null) return none;
  const isBest = validation.loss < (progress.bestValidationLoss ?? Number.POSITIVE_INFINITY);
  progress.validatedEpoch = epoch;
  progress.validationLoss = validation.loss;
  if (isBest) progress.bestValidationLoss = validation.loss;
  metrics.append({ type: 'validation', step, epoch, ...validation });
  events.validated(epoch, validation, isBest);

  const samples = await sampleCaptions(coordinator, dataset.val, dataset.vocabulary, config.validate.captions);
  if (samples.length > 0) {
    metrics.append({ type: 'captions', step, samples });
    events.captions(samples);
  }
  return { validated: true, isBest };
}

function checkpointState({ config, shape, dataset, shards, engine, stepsPerEpoch }: Trainer, progress: Progress) {
  return {
    ...progress,
    epoch: Math.ceil(progress.step / stepsPerEpoch),
    config,
    model: shape,
    vocabulary: dataset.vocabulary.idxToWord,
    shards,
    engine: { ...engine.description, notes: [...engine.description.notes] },
    engineChoice: { ...engine.choice },
    dataChecksum: dataset.checksum,
  };
}

function reportSave(result: SaveResult, events: RunEvents): boolean {
  if (result.written) events.checkpointed(result.path, result.step);
  else if (!result.superseded) {
    events.warning(
      `The checkpoint of step ${result.step} could not be written (${result.reason}). Earlier ones are untouched; ` +
        'the next one is tried when it is due.',
    );
  }
  return result.written || result.superseded;
}
