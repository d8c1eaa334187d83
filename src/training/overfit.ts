/** The sanity run: a captioner that cannot memorise a few captions has no business with more. */
import type { Config } from '../config/schema.js';
import { type CaptionSplit, type Dataset, loadDataset } from '../data/dataset.js';
import { flatView } from '../engine/shared-memory.js';
import { drawParameters } from './initial-parameters.js';
import type { Interruption } from './run-events.js';
import { createTrainer, type Trainer } from './trainer.js';
import { type TrainingStep, trainingSteps } from './training-steps.js';
import { captionRows, firstCaptionOfEachImage, type SampleCaption } from './validation.js';

export interface OverfitOptions {
  /** Captions to memorise, each of another image. */
  readonly captions: number;
  /** Gives up after so many epochs. */
  readonly epochs: number;
  readonly interruption: Interruption;
  readonly started: (trainer: Trainer) => void;
  readonly step: (step: TrainingStep, memorised: number, of: number) => void;
  readonly onFault: (message: string) => void;
}

export interface OverfitOutcome {
  readonly samples: readonly SampleCaption[];
  /** Captions that came out word for word. */
  readonly memorised: number;
  readonly loss: number;
  readonly epochs: number;
}

/** Epochs between two looks at how many captions are memorised. */
const epochsBetweenLooks = 10;
/** Most captions of a minibatch, as in the course's overfitting run. */
const batchSize = 25;

/** Trains on the first caption of each of the first images until all are memorised, without learning-rate decay. */
export async function overfit(config: Config, options: OverfitOptions): Promise<OverfitOutcome> {
  const few = overfitConfig(config, options);
  const trainer = await createTrainer(few, {
    onFault: options.onFault,
    load: async (precision) => firstCaptions(await loadDataset(few.data, precision), options.captions),
  });
  const { coordinator, dataset } = trainer;
  try {
    const { memory } = coordinator;
    drawParameters(flatView(memory, memory.parameters), memory.parameterLayout, config.train.seed);
    options.started(trainer);
    const rows = Array.from({ length: dataset.train.count }, (_, row) => row);
    const look = () => captionRows(coordinator, dataset.train, dataset.vocabulary, rows);
    let samples: SampleCaption[] = [];
    let memorised = 0;
    let last: TrainingStep | null = null;
    for await (const step of trainingSteps(coordinator, trainer.settings, 1, trainer.lastStep)) {
      last = step;
      const isEpochEnd = step.step % trainer.stepsPerEpoch === 0;
      const stopping = options.interruption.signal !== null || step.step === trainer.lastStep;
      if (stopping || (isEpochEnd && step.epoch % epochsBetweenLooks === 0)) {
        samples = await look();
        memorised = samples.filter(({ truth, generated }) => truth === generated).length;
      }
      options.step(step, memorised, rows.length);
      if (stopping || memorised === rows.length) break;
    }
    return { samples, memorised, loss: last?.loss ?? Number.NaN, epochs: last?.epoch ?? 0 };
  } finally {
    await coordinator.close();
  }
}

function overfitConfig(config: Config, { captions, epochs }: OverfitOptions): Config {
  const size = Math.min(batchSize, config.train.batchSize, captions);
  return {
    ...config,
    data: { ...config.data, trainLimit: null },
    train: { ...config.train, epochs, batchSize: size, lrDecay: 1, sampling: 'shuffle' },
  };
}

/** The training split cut to the first caption of each of its first `count` images. */
function firstCaptions(dataset: Dataset, count: number): Dataset {
  const rows = firstCaptionOfEachImage(dataset.train).slice(0, count);
  return { ...dataset, train: pickRows(dataset.train, rows) };
}

function pickRows(split: CaptionSplit, rows: readonly number[]): CaptionSplit {
  const { columns } = split;
  const captions = new Int32Array(new SharedArrayBuffer(rows.length * columns * 4));
  const imageIdxs = new Int32Array(new SharedArrayBuffer(rows.length * 4));
  rows.forEach((row, i) => {
    captions.set(split.captions.subarray(row * columns, (row + 1) * columns), i * columns);
    imageIdxs[i] = split.imageIdxs[row]!;
  });
  return { ...split, captions, imageIdxs, count: rows.length };
}
