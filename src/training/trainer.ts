/** Puts together what every kind of training needs: data, model shape, engine, workers, settings. */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.js';
import { type Dataset, loadDataset } from '../data/dataset.js';
import { type SamplerConfig, stepsPerEpoch } from '../data/sampler.js';
import type { Precision } from '../engine/engine.js';
import { type ChosenEngine, chooseEngine, type EngineChoice, precisionOf } from '../engine/select.js';
import { UserError } from '../errors.js';
import type { ModelShape } from '../model/parameters.js';
import { Coordinator } from './coordinator.js';
import type { TrainingSettings } from './training-steps.js';

export interface TrainerOptions {
  /** The engine recorded with a run that goes on. */
  readonly recorded?: EngineChoice;
  readonly onFault: (message: string) => void;
  /** In place of the data that the config names. */
  readonly load?: (precision: Precision) => Promise<Dataset>;
  /** The entry file of the workers; tests hand in one that fails on purpose. */
  readonly workerFile?: string;
}

/** A captioner with its data, ready to train; its parameters are still zero. */
export interface Trainer {
  /** The config with every `auto` of which the result depends resolved. */
  readonly config: Config;
  readonly dataset: Dataset;
  readonly shape: ModelShape;
  readonly engine: ChosenEngine;
  readonly workers: number;
  readonly shards: number;
  readonly coordinator: Coordinator;
  readonly settings: TrainingSettings;
  readonly stepsPerEpoch: number;
  readonly lastStep: number;
}

/**
 * Chooses the engine, loads the data and starts the workers.
 * @throws UserError for anything in config or data that does not fit
 */
export async function createTrainer(config: Config, options: TrainerOptions): Promise<Trainer> {
  const engine = await chooseEngine(config.engine, options.recorded);
  const load = options.load ?? ((precision) => loadDataset(config.data, precision));
  const dataset = await load(precisionOf(engine.choice));
  if (dataset.train.count === 0) throw new UserError('The training split has no captions.');

  const workers = config.train.workers === 'auto' ? availableParallelism() : config.train.workers;
  const batchSize = Math.min(config.train.batchSize, dataset.train.count);
  const shards = config.train.shards === 'auto' ? Math.min(workers, batchSize) : config.train.shards;
  const shape = modelShape(config, dataset);
  const sampler: SamplerConfig = {
    count: dataset.train.count,
    batchSize: config.train.batchSize,
    sampling: config.train.sampling,
    seed: config.train.seed,
  };
  const perEpoch = stepsPerEpoch(sampler);
  const { learningRate, beta1, beta2, epsilon } = config.train.optimizer;
  return {
    config: { ...config, train: { ...config.train, shards } },
    dataset,
    shape,
    engine,
    workers,
    shards,
    coordinator: new Coordinator({
      engine: engine.choice,
      shape,
      dataset,
      batchSize: config.train.batchSize,
      workers,
      shards,
      taskSeconds: config.train.taskSeconds,
      onFault: options.onFault,
      ...(options.workerFile === undefined ? {} : { file: options.workerFile }),
    }),
    settings: {
      sampler,
      adam: { beta1, beta2, epsilon },
      learningRate,
      lrDecay: config.train.lrDecay,
      onNonFinite: config.train.onNonFinite,
    },
    stepsPerEpoch: perEpoch,
    lastStep: config.train.epochs * perEpoch,
  };
}

function modelShape(config: Config, { train, vocabulary }: Dataset): ModelShape {
  const { cell, wordDim, hiddenDim } = config.model;
  return {
    cell,
    featureDim: train.features.columns,
    wordDim,
    hiddenDim,
    vocabSize: vocabulary.size,
    steps: train.columns - 1,
  };
}
