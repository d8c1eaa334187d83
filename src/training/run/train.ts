/** A run: a new one from a config, or one that goes on from its newest whole checkpoint. */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { configOf, configToYaml, parseRunConfig } from '../../config/load.js';
import type { Config, PartialConfig } from '../../config/schema.js';
import type { Dataset } from '../../data/dataset.js';
import { UserError } from '../../errors.js';
import type { ModelFamily } from '../../model/family.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { stepOfName } from '../checkpoints/checkpoint-format.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../loop/trainer.js';
import type { Ranks } from '../parallel/ranks.js';
import { healthOf } from './health.js';
import { isComplete, noProgress, progressOf } from './progress.js';
import type { StepRecord } from './records.js';
import { beginAgain, cutBackLog, findBest } from './resumed-folder.js';
import { checkArithmetic, checkChanges, checkEngine } from './resumption.js';
import { allEvents, type RunEvents } from './run-events.js';
import { RunFolder, type RunPlace, refuseUsedFolder } from './run-folder.js';
import { type LoopOptions, runLoop, type Standing } from './run-loop.js';
import { outcomeOf, type TrainOutcome } from './train-outcome.js';

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
    const changes = checkpoint ? checkChanges(dir, checkpoint.state.config, config) : [];
    trainer = await createTrainer(config, {
      ...trainerOptions(options),
      ...(checkpoint ? { checkpoint } : {}),
    });
    const progress = checkpoint ? progressOf(trainer, checkpoint.state) : { ...noProgress };
    const otherEngine = checkpoint && checkEngine(checkpoint, trainer.engine);
    for (const warning of [otherEngine, arithmetic]) if (warning) events.warning(warning);
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
  const alreadyComplete = isComplete(trainer, standing.progress);
  const ended = await runLoop(trainer, folder, standing, options);
  return outcomeOf(trainer, folder, standing.progress, alreadyComplete, ended);
}
