/** A run: a new one from a config, or one that goes on from its newest whole checkpoint. */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { configOf, configToYaml, parseRunConfig } from '../../config/load.js';
import type { Config, PartialConfig } from '../../config/schema.js';
import type { Dataset } from '../../data/dataset.js';
import { type EngineChoice, haveSameBits } from '../../engine/select.js';
import { UserError } from '../../errors.js';
import type { ModelFamily } from '../../model/family.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { type OnDisk, onDisk, secureBest } from '../checkpoints/checkpoint-folder.js';
import { bestName, checkpointName, stepOfName } from '../checkpoints/checkpoint-format.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../loop/trainer.js';
import type { Ranks } from '../parallel/ranks.js';
import { cutBackMetrics, setAsideMetrics } from './cut-back-metrics.js';
import { type Health, healthOf } from './health.js';
import type { LoggedRecord } from './log-lines.js';
import type { ValidationMetric } from './patience.js';
import { hasStoppedEarly, isComplete, noProgress, type Progress, progressOf } from './progress.js';
import { isOfValidation, type StepRecord } from './records.js';
import { checkArithmetic, checkChanges } from './resumption.js';
import { allEvents, type RunEvents } from './run-events.js';
import { RunFolder, type RunPlace, refuseUsedFolder } from './run-folder.js';
import { type LoopOptions, runLoop, type Standing } from './run-loop.js';

export interface TrainOptions extends Omit<LoopOptions, 'events'> {
  /** Those that someone listens to. */
  readonly events?: Partial<RunEvents> | undefined;
  /** In place of the data that the config names; a run that goes on needs the same again. */
  readonly dataset?: Dataset | undefined;
  /** What makes the model of `config.model`, the built-in captioners by default; a run that goes on needs it again. */
  readonly family?: ModelFamily | undefined;
  /** The entry file of the workers; tests hand in one that fails on purpose. */
  readonly workerFile?: string;
  /** The processes of the run, where an MPI launcher has started several. */
  readonly ranks?: Ranks | undefined;
}

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

/**
 * Trains a new run in `where`.
 * @throws UserError when config or data do not fit, or the folder already holds a run
 */
export async function startRun(
  config: Config,
  where: string | RunPlace,
  given: TrainOptions = {},
): Promise<TrainOutcome> {
  const options = complete(given);
  const place = typeof where === 'string' ? { dir: where } : where;
  if ('dir' in place) refuseUsedFolder(place.dir);
  const trainer = await createTrainer(config, trainerOptions(options));
  let folder: RunFolder | null = null;
  try {
    const progress = { ...noProgress };
    folder = await RunFolder.create(place, configToYaml(trainer.config), lockOptions(options));
    return await train(
      trainer,
      folder,
      { progress, unsaved: true, lastStep: null, health: healthOf(trainer) },
      options,
    );
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
export async function resumeRun(
  dir: string,
  sets: readonly string[] = [],
  options: TrainOptions = {},
): Promise<TrainOutcome> {
  return goOn(dir, (folder) => parseRunConfig(folder.readConfig(), folder.configPath, sets), complete(options));
}

/**
 * Starts the run in folder `dir`, or goes on with it where it has begun, so that one and the same call may be made
 * again and again until the run is complete.
 *
 * @param config also of the run that goes on: of a key that may change its value counts, any other change is refused
 * @throws UserError when config or data do not fit or are no longer those of the run, or another process has it
 */
export async function startOrResumeRun(config: Config, dir: string, options: TrainOptions = {}): Promise<TrainOutcome> {
  if (!existsSync(join(dir, 'config.yaml'))) return startRun(config, dir, options);
  return goOn(dir, (_folder, recorded) => withResolved(config, recorded), complete(options));
}

/** Each `auto` that a run resolves for good. */
function withResolved(config: Config, recorded: Checkpoint | null): Config {
  if (!recorded) return config;
  const { config: before, shards } = recorded.state;
  const { views } = configOf(before as PartialConfig).data;
  return {
    ...config,
    data: { ...config.data, views: config.data.views === 'auto' ? views : config.data.views },
    train: { ...config.train, shards: config.train.shards === 'auto' ? shards : config.train.shards },
  };
}

async function goOn(
  dir: string,
  configFrom: (folder: RunFolder, checkpoint: Checkpoint | null) => Config,
  options: CompleteOptions,
): Promise<TrainOutcome> {
  const { events } = options;
  const folder = await RunFolder.open(dir, lockOptions(options));
  let trainer: Trainer | null = null;
  try {
    const passOver = (_path: string, why: string) => events.warning(`${why} It is passed over.`);
    const checkpoint = folder.newestCheckpoint(passOver);
    const arithmetic = checkpoint && checkArithmetic(checkpoint);
    const config = configFrom(folder, checkpoint);
    const changes = checkpoint ? checkChanges(checkpoint.state.config, config) : [];
    trainer = await createTrainer(config, {
      ...trainerOptions(options),
      ...(checkpoint ? { checkpoint } : {}),
    });
    const progress = checkpoint ? progressOf(trainer, checkpoint.state) : { ...noProgress };
    if (checkpoint) warnOfOtherEngine(trainer, checkpoint, events);
    if (arithmetic) events.warning(arithmetic);
    if (progress.step > trainer.lastStep) {
      throw new UserError(
        `The run in ${dir} has ${progress.step} steps done, more than the ${trainer.lastStep} of train.epochs ` +
          `${config.train.epochs}. Leave that out, or set it to more.`,
      );
    }
    for (const change of changes) events.note(`changed: ${change}`);
    folder.writeConfig(configToYaml(trainer.config));
    let lastStep: StepRecord | null = null;
    const health = healthOf(trainer);
    if (checkpoint) {
      lastStep = cutBackLog(trainer, folder, progress, health, events);
      findBest(trainer.config, folder, checkpoint, progress, events);
    } else beginAgain(folder, events);
    // The best checkpoint is no substitute for that of its step, which the run never stopped has beside.
    const unsaved = !checkpoint || stepOfName(basename(checkpoint.path)) === null;
    return await train(trainer, folder, { progress, unsaved, lastStep, health }, options);
  } finally {
    await trainer?.coordinator.close();
    folder.unlock();
  }
}

type CompleteOptions = TrainOptions & LoopOptions;

function complete(options: TrainOptions): CompleteOptions {
  return { ...options, events: allEvents(options.events) };
}

function lockOptions({ events }: CompleteOptions) {
  return { waiting: (message: string) => events.note(message) };
}

function trainerOptions({ events, workerFile, dataset, family, ranks }: CompleteOptions): TrainerOptions {
  return {
    onFault: (message) => events.warning(message),
    preparing: (...told) => events.preparing(...told),
    workerFile,
    family,
    ranks,
    load: dataset && (() => dataset),
  };
}

async function train(
  trainer: Trainer,
  folder: RunFolder,
  standing: Standing,
  options: CompleteOptions,
): Promise<TrainOutcome> {
  const { progress } = standing;
  const alreadyComplete = isComplete(trainer, progress);
  const { stopped, loss, saved, foundBest } = await runLoop(trainer, folder, standing, options);
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

function warnOfOtherEngine(trainer: Trainer, { state }: Checkpoint, events: RunEvents): void {
  if (!haveSameBits(state.engineChoice as EngineChoice, trainer.engine.choice)) {
    events.warning(
      `This run was computed by ${state.engine.detail}, and goes on with ${trainer.engine.description.detail}: ` +
        'its numbers will differ in the last digits from those of a run never stopped.',
    );
  }
}

/**
 * A validation that the stop came before is done again, and must not stand in the log twice.
 *
 * @returns what the log says of the last step; null where it says nothing
 */
function cutBackLog(
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
function beginAgain({ metricsPath, checkpointsDir }: RunFolder, events: RunEvents): void {
  const kept = setAsideMetrics(metricsPath);
  if (kept === null) return;
  events.warning(
    `${checkpointsDir} holds no checkpoint, although ${metricsPath} tells of training, so the run begins again at step ` +
      `0. The old log is kept beside as ${kept}. If the checkpoints are elsewhere, stop and put them back.`,
  );
}

function findBest(
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
