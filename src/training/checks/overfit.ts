/** The sanity run: a captioner that cannot memorise a few captions has no business with more. */
import { keyPaths } from '../../config/keys.js';
import { configOf, overriddenConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { type Dataset, type Loading, loadDataset } from '../../data/dataset.js';
import { pickRows } from '../../data/hold-out.js';
import type { ModelFamily } from '../../model/family.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../loop/trainer.js';
import { type TrainingStep, trainingSteps } from '../loop/training-steps.js';
import { captionRows, firstCaptionOfEachImage, type SampleCaption } from '../loop/validation.js';

export interface OverfitOptions {
  /** Captions to memorise, each of another image. */
  readonly captions: number;
  /** Gives up after so many epochs. */
  readonly epochs: number;
  /** Stops it after the step under way. */
  readonly signal?: AbortSignal;
  /** @param switchedOff keys of what the config asks for and memorising does without */
  readonly started?: (trainer: Trainer, switchedOff: readonly string[]) => void;
  readonly step?: (step: TrainingStep, memorised: number, of: number) => void;
  readonly onFault?: (message: string) => void;
  /** Told what is being done, where that takes its time before `started`. */
  readonly preparing?: TrainerOptions['preparing'];
  /** What makes the model of `config.model`; the built-in captioners by default. */
  readonly family?: ModelFamily;
}

export interface OverfitOutcome {
  readonly samples: readonly SampleCaption[];
  /** Captions that came out word for word. */
  readonly memorised: number;
  readonly loss: number;
  readonly epochs: number;
  /** Whether the signal ended it, before it was decided. */
  readonly stopped: boolean;
}

/** Epochs between two looks at how many captions are memorised. */
const epochsBetweenLooks = 10;
/** Most captions of a minibatch, as in the course's overfitting run. */
const batchSize = 25;

/**
 * Trains on the first caption of each of the first images until all are memorised, at a constant learning rate and
 * without anything that is there against memorising.
 */
export async function overfit(config: Config, options: OverfitOptions): Promise<OverfitOutcome> {
  const { config: plain, switchedOff } = withoutRegularisation(config);
  const few = overfitConfig(plain, options);
  const loading: Loading = (done, of) => options.preparing?.('loading the data', done, of);
  const trainer = await createTrainer(few, {
    onFault: options.onFault,
    preparing: options.preparing,
    family: options.family,
    load: async (precision) => firstCaptions(await loadDataset(few.data, precision, 0, loading), options.captions),
  });
  const { coordinator, dataset } = trainer;
  try {
    options.started?.(trainer, switchedOff);
    const rows = Array.from({ length: dataset.train.count }, (_, row) => row);
    const look = () => captionRows(coordinator, dataset.train, dataset.vocabulary, rows);
    let samples: SampleCaption[] = [];
    let memorised = 0;
    let last: TrainingStep | null = null;
    for await (const step of trainingSteps(trainer, 1, trainer.lastStep)) {
      last = step;
      const isEpochEnd = step.step % trainer.stepsPerEpoch === 0;
      const stopping = options.signal?.aborted || step.step === trainer.lastStep;
      if (stopping || (isEpochEnd && step.epoch % epochsBetweenLooks === 0)) {
        samples = await look();
        memorised = samples.filter(({ truth, generated }) => truth === generated).length;
      }
      options.step?.(step, memorised, rows.length);
      if (stopping || memorised === rows.length) break;
    }
    const stopped = (options.signal?.aborted ?? false) && memorised < rows.length;
    return { samples, memorised, loss: last?.loss ?? Number.NaN, epochs: last?.epoch ?? 0, stopped };
  } finally {
    await coordinator.close();
  }
}

/** Keys whose default is to train on the true captions, not to regularise, and not to end a run before its last step. */
const regularisation = [
  'data.views',
  'model.dropout',
  'model.attentionPenalty',
  'train.labelSmoothing',
  'train.scheduledSampling',
  'train.selfCritical',
  'train.weightDecay',
  'train.ema',
  'train.earlyStopping',
] as const;

/** A config without what keeps a model from memorising, and the keys that asked for something of it. */
function withoutRegularisation(config: Config): { config: Config; switchedOff: string[] } {
  const defaults = configOf({});
  const plain: (readonly [key: string, value: unknown])[] = [
    ['train.schedule', { name: 'constant', warmup: 0 }],
    ...regularisation.filter((key) => keyPaths.has(key)).map((key) => [key, valueAt(defaults, key)] as const),
  ];
  const off = plain.filter(([key, value]) => JSON.stringify(valueAt(config, key)) !== JSON.stringify(value));
  const sets = [...off, ['train.lrDecay', null], ['validate.parameters', 'live']] as const;
  return {
    config: overriddenConfig(
      config,
      sets.map(([key, value]) => `${key}=${JSON.stringify(value)}`),
    ),
    switchedOff: off.map(([key]) => key),
  };
}

function valueAt(config: Config, path: string): unknown {
  return path.split('.').reduce<unknown>((tree, key) => (tree as Record<string, unknown>)[key], config);
}

/** Nothing is validated, and so no image is held out and no validation split is read. */
function overfitConfig(config: Config, { captions, epochs }: OverfitOptions): Config {
  const size = Math.min(batchSize, config.train.batchSize, captions);
  return {
    ...config,
    data: { ...config.data, trainLimit: null, holdOut: 0 },
    train: { ...config.train, epochs, batchSize: size, accumulate: 1, sampling: 'shuffle' },
  };
}

/** The training split cut to the first caption of each of its first `count` images. */
function firstCaptions(dataset: Dataset, count: number): Dataset {
  const rows = firstCaptionOfEachImage(dataset.train).slice(0, count);
  return { ...dataset, train: pickRows(dataset.train, rows) };
}
