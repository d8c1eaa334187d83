/** Puts together what every kind of training needs: data, model shape, engine, workers, settings. */
import type { Config } from '../../config/schema.js';
import { columnStatistics } from '../../data/column-statistics.js';
import { configuredData, type DataSource, loadSource } from '../../data/data-source.js';
import type { Dataset } from '../../data/dataset.js';
import { stepsPerEpoch } from '../../data/sampler.js';
import { unwrittenIds } from '../../data/vocabulary.js';
import { type ChosenEngine, type EngineChoice, engineCandidates, precisionOf } from '../../engine/select.js';
import { parametersOf } from '../../engine/shared-memory.js';
import { UserError } from '../../errors.js';
import { family as captioners } from '../../model/captioner.js';
import type { ModelFamily } from '../../model/family.js';
import type { Precision } from '../../tensor/matrix.js';
import type { Dimensions } from '../../tensor/model-spec.js';
import { type Checkpoint, restoreCheckpoint, startAverage } from '../checkpoints/checkpoint.js';
import { Coordinator, type CoordinatorOptions } from '../parallel/coordinator.js';
import { type Model, modelOf } from '../parallel/model.js';
import type { Ranks } from '../parallel/ranks.js';
import { trueCaptions } from './caption-source.js';
import { type ComparedReferences, comparedReferences } from './compared-references.js';
import { fasterEngine, timeStep } from './faster-engine.js';
import type { OwnData } from './initial-checkpoint.js';
import { drawParameters, type InitialData, loadParameters } from './initial-parameters.js';
import { wordVectorsOf } from './initial-word-vectors.js';
import { minibatchSize } from './minibatch-size.js';
import { decayedParameters, optimiserOf } from './optimisers.js';
import { plannedShards, refuseIdleRanks, workersOf } from './planned-shards.js';
import { scheduleOf } from './schedule.js';
import { sampledWordsOf } from './scheduled-sampling.js';
import { selfCriticalCaptions } from './self-critical.js';
import type { TrainingSettings } from './training-steps.js';

/** Told, in words for a person, what takes its time before anything else is to be seen, and how much of it is done. */
export type Preparing = (what: string, done?: number, of?: number) => void;

export interface TrainerOptions {
  /** Told of every failure of a worker that was mended. */
  readonly onFault?: ((message: string) => void) | undefined;
  /** Told what is being done, where that takes its time. */
  readonly preparing?: Preparing | undefined;
  /** The data, for every process of the run; that which the config names by default. */
  readonly source?: DataSource | undefined;
  /** In place of loading that data here. */
  readonly load?: ((precision: Precision) => Promise<Dataset> | Dataset) | undefined;
  /** What makes the model of `config.model`; the built-in captioners by default. */
  readonly family?: ModelFamily | undefined;
  /** Where to go on from, with its engine if this machine has it; otherwise parameters are drawn or loaded, as the config says. */
  readonly checkpoint?: Checkpoint | undefined;
  /** The entry file of the workers; tests hand in one that fails on purpose. */
  readonly workerFile?: string | undefined;
  /** The processes of the run, where an MPI launcher has started several. */
  readonly ranks?: Ranks | undefined;
}

/** A captioner with its data, ready to train. */
export interface Trainer extends ComparedReferences {
  /** The config with every `auto` of which the result depends resolved. */
  readonly config: Config;
  readonly dataset: Dataset;
  readonly model: Model;
  /** What the user should know of how the model begins, one line each. */
  readonly modelNotes: readonly string[];
  /** SHA-256 of the file of word vectors; null where the model begins without. */
  readonly wordVectorsChecksum: string | null;
  readonly engine: ChosenEngine;
  /** Of all processes together. */
  readonly workers: number;
  /** Of each process. */
  readonly rankWorkers: readonly number[];
  readonly shards: number;
  /** The processes of the run; null where it is one. */
  readonly ranks: Ranks | null;
  readonly coordinator: Coordinator;
  readonly settings: TrainingSettings;
  readonly stepsPerEpoch: number;
  readonly lastStep: number;
}

/**
 * Chooses the engine, loads the data and starts the workers.
 * @throws UserError for anything in config or data that does not fit
 */
export async function createTrainer(config: Config, options: TrainerOptions = {}): Promise<Trainer> {
  const { checkpoint, ranks, source = configuredData } = options;
  const recorded = checkpoint?.state.engineChoice as EngineChoice | undefined;
  const engines = await engineCandidates(config.engine, recorded);
  const loading = (done?: number, of?: number) => options.preparing?.('loading the data', done, of);
  const load = options.load ?? ((precision) => loadSource(source, config.data, precision, config.train.seed, loading));
  loading();
  // All candidates compute in the same precision.
  const precision = precisionOf(engines[0]!.choice);
  ranks?.watch(config.train.rankSeconds);
  await ranks?.load({ config, source, precision });
  const dataset = await load(precision);
  await ranks?.loaded(dataset.checksum, config.data.dir);
  if (dataset.train.count === 0) throw new UserError('The training split has no captions.');
  const { views } = config.data;
  if (views !== 'auto' && views !== viewsOf(dataset)) {
    throw new UserError(
      `data.views: ${views}, but the data brings ${viewsOf(dataset)} further views of an image. Set data.views=auto.`,
    );
  }
  if (checkpoint && checkpoint.state.dataChecksum !== dataset.checksum) {
    throw new UserError(
      `The data is not what this run was trained on (checksum ${dataset.checksum}, expected ` +
        `${checkpoint.state.dataChecksum}). Put the original data back, or start a new run.`,
    );
  }

  const compared = comparedReferences(config, dataset, checkpoint?.state.referencesChecksums);
  const { trainingReferences } = compared;
  const workers = workersOf(config, ranks);
  const allWorkers = workers.reduce((sum, each) => sum + each, 0);
  const { sampler, microRows, captions, mostCaptions } = minibatchSize(config, dataset, trainingReferences);
  const model = trainedModel(config, options.family ?? captioners, dataset);
  const wordVectors = wordVectorsOf(config, dataset.vocabulary, checkpoint);
  const perEpoch = stepsPerEpoch(sampler);
  const lastStep = config.train.epochs * perEpoch;
  const optimiser = optimiserOf(config.train);
  const parallel = {
    model,
    dataset,
    updates: {
      rule: optimiser.rule,
      decayed: decayedParameters(model.spec.parameters, config.train.weightDecay),
      averages: config.train.ema !== null,
      accumulates: config.train.accumulate > 1,
    },
    batchSize: mostCaptions,
    workers: workers[0]!,
    taskSeconds: config.train.taskSeconds,
    reduction: config.train.reduction,
    onFault: options.onFault ?? (() => {}),
    file: options.workerFile,
  };
  const optionsWith = (choice: EngineChoice): CoordinatorOptions => {
    const others = { ...parallel, engine: choice };
    const { shards } = config.train;
    return { ...others, shards: shards === 'auto' ? plannedShards(others, ranks, allWorkers, captions) : shards };
  };
  if (engines.length > 1) options.preparing?.('timing a step on the GPU and on the processor');
  const engine = await fasterEngine(engines, (choice) => timeStep(optionsWith(choice), dataset.train));
  options.preparing?.('starting the workers');
  const chosen = optionsWith(engine.choice);
  const { shards } = chosen;
  refuseIdleRanks(ranks, shards, captions);
  const { updates, batchSize } = parallel;
  await ranks?.begin({ engine: engine.choice, recipe: model.recipe, updates, batchSize, workers, shards });
  const coordinator = new Coordinator({ ...chosen, ranks });
  try {
    const { inputs, imageIdxs } = dataset.train;
    const statistics = (input: string) => columnStatistics(inputs[input]!, imageIdxs);
    const { vocabulary, extractor } = dataset;
    begin(coordinator, model, config, { vectors: wordVectors.vectors, statistics, vocabulary, extractor }, checkpoint);
    await coordinator.hand();
  } catch (error) {
    await coordinator.close();
    throw error;
  }
  const sampledWords = sampledWordsOf(config.train.scheduledSampling, perEpoch);
  return {
    config: {
      ...config,
      data: { ...config.data, views: viewsOf(dataset) },
      train: { ...config.train, shards },
    },
    dataset,
    model,
    modelNotes: wordVectors.notes,
    wordVectorsChecksum: wordVectors.checksum,
    engine,
    workers: allWorkers,
    rankWorkers: workers,
    shards,
    ranks: ranks ?? null,
    coordinator,
    settings: {
      sampler,
      captions: trainingReferences
        ? selfCriticalCaptions(coordinator, dataset, config.train.selfCritical, trainingReferences)
        : trueCaptions(coordinator, dataset.train, sampledWords),
      microRows,
      optimiser,
      schedule: scheduleOf(config.train, lastStep),
      clip: config.train.clip,
      ema: config.train.ema,
      onNonFinite: config.train.onNonFinite,
    },
    stepsPerEpoch: perEpoch,
    lastStep,
    ...compared,
  };
}

/** Further views of each image. */
function viewsOf({ train }: Dataset): number {
  return (train.views ?? 1) - 1;
}

function trainedModel({ model, train, data }: Config, family: ModelFamily, dataset: Dataset): Model {
  const { init: _, ...shape } = model;
  const { samples, temperature } = train.selfCritical;
  const options = {
    ...shape,
    labelSmoothing: train.labelSmoothing,
    standardize: data.standardize,
    ...(samples > 0 ? { excludedWords: unwrittenIds, temperature } : {}),
  };
  return modelOf(family, options, dimensionsOf(dataset));
}

/** Fills in the parameters, and for a run that goes on the optimiser's arrays. */
function begin(
  { memory }: Coordinator,
  model: Model,
  config: Config,
  data: InitialData & OwnData,
  checkpoint: Checkpoint | undefined,
): void {
  if (checkpoint) {
    restoreCheckpoint(memory, checkpoint);
    return;
  }
  const flat = parametersOf(memory);
  if (config.model.init !== null) loadParameters(flat, memory.layout, model, config.model.init, data);
  else drawParameters(flat, memory.layout, model.spec, config.train.seed, data);
  startAverage(memory);
}

function dimensionsOf({ train, vocabulary }: Dataset): Dimensions {
  const inputs: Record<string, number> = {};
  const positions: Record<string, number> = {};
  for (const [name, table] of Object.entries(train.inputs)) {
    inputs[name] = table.columns;
    if (table.positions !== undefined) positions[name] = table.positions;
  }
  const grids = Object.keys(positions).length > 0 ? { positions } : {};
  return { inputs, ...grids, vocabSize: vocabulary.size, steps: train.columns - 1 };
}
