/** Analytic against numeric gradients, in float64, as CS231n's gradient_check.py does. */
import type { Config } from '../../config/schema.js';
import { captionBatch } from '../../data/batches.js';
import { generator, uniformInts } from '../../data/random.js';
import { parametersOf, trainedView } from '../../engine/shared-memory.js';
import type { ModelFamily } from '../../model/family.js';
import { trainedPlaces } from '../../tensor/layout.js';
import type { NumberArray } from '../../tensor/matrix.js';
import { withTrueCaptions } from '../loop/self-critical.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../loop/trainer.js';
import type { Coordinator } from '../parallel/coordinator.js';

export interface GradientCheckOptions {
  /** 2 by default. */
  readonly captions?: number;
  /** Elements of each parameter that are compared, 10 by default. */
  readonly elements?: number;
  /** @param switchedOff keys of what the config asks for and the check, which is of true captions, does without */
  readonly started?: (trainer: Trainer, switchedOff: readonly string[]) => void;
  /** Told after each element of a parameter, which takes a while in a large model. */
  readonly compared?: (name: string, done: number, of: number) => void;
  readonly onFault?: (message: string) => void;
  /** Told what is being done, where that takes its time before `started`. */
  readonly preparing?: TrainerOptions['preparing'];
  /** What makes the model of `config.model`; the built-in captioners by default. */
  readonly family?: ModelFamily;
  /** In place of the data that the config names. */
  readonly load?: TrainerOptions['load'];
}

export interface ParameterCheck {
  readonly name: string;
  readonly compared: number;
  /** The course's: the largest |a - n| / max(1e-8, |a| + |n|) over the compared elements. */
  readonly relativeError: number;
}

/**
 * Distance of the nearest losses that a derivative is taken from: large enough for the round-off of losses, while the
 * five-point formula keeps what the curve adds, of fourth order, far below it.
 */
const h = 1e-3;
/**
 * Elements below this share of the parameter's largest gradient are not compared: the round-off of a difference of two
 * losses would be all that is measured.
 */
const leastShare = 1e-2;

/**
 * Compares on the first training captions, from the initial parameters of the config, on the reference engine, yielding
 * one parameter after another.
 */
export async function* gradientCheck(
  config: Config,
  options: GradientCheckOptions = {},
): AsyncGenerator<ParameterCheck, void, void> {
  const { captions: size = 2, elements: compared = 10, family, load, onFault, preparing } = options;
  const { config: plain, switchedOff } = withTrueCaptions(config);
  const trainer = await createTrainer(
    { ...plain, engine: { name: 'reference' }, train: { ...plain.train, batchSize: size } },
    { onFault, preparing, family, load },
  );
  const { coordinator, dataset } = trainer;
  try {
    const { memory } = coordinator;
    const parameters = parametersOf(memory);
    options.started?.(trainer, switchedOff);
    const rows = Int32Array.from({ length: Math.min(size, dataset.train.count) }, (_, i) => i);
    const batch = captionBatch(dataset.train, rows);
    // The loss that the gradient is of, with the masks of one and the same step and words drawn once.
    const address = { seed: config.train.seed, step: 1 };
    const { from, to } = config.train.scheduledSampling;
    const read = await coordinator.sampled(batch, address, Math.max(from, to));
    const loss = async () => (await coordinator.gradients(read, address)).loss;
    await loss();
    const analytic = summedSlots(coordinator);
    for (const { name, offset, size: count } of trainedPlaces(memory.layout)) {
      const elements = elementsToCompare(analytic.subarray(offset, offset + count), compared, config.train.seed);
      let relativeError = 0;
      for (const [i, element] of elements.entries()) {
        const numeric = await derivative(parameters, offset + element, loss);
        relativeError = Math.max(relativeError, errorBetween(analytic[offset + element]!, numeric));
        options.compared?.(name, i + 1, elements.length);
      }
      yield { name, compared: elements.length, relativeError };
    }
  } finally {
    await coordinator.close();
  }
}

function summedSlots({ memory }: Coordinator): Float64Array {
  const sum = new Float64Array(memory.layout.trainedLength);
  for (const offset of memory.slots) {
    trainedView(memory, offset).forEach((value, i) => {
      sum[i]! += value;
    });
  }
  return sum;
}

/** Random elements among those whose gradient is not much smaller than the largest one. */
function elementsToCompare(gradient: Float64Array, count: number, seed: number): number[] {
  const largest = gradient.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const telling = [...gradient.keys()].filter((i) => Math.abs(gradient[i]!) >= leastShare * largest);
  if (telling.length <= count) return telling;
  const drawn = uniformInts(generator(seed, 'gradient check'), telling.length, 4 * count);
  return [...new Set(drawn)].slice(0, count).map((i) => telling[i]!);
}

/** By the five-point stencil (Abramowitz and Stegun 1964, 25.3.6). */
async function derivative(parameters: NumberArray, at: number, loss: () => Promise<number>): Promise<number> {
  const value = parameters[at]!;
  const lossAt = (shift: number) => {
    parameters[at] = value + shift;
    return loss();
  };
  const near = (await lossAt(h)) - (await lossAt(-h));
  const far = (await lossAt(2 * h)) - (await lossAt(-2 * h));
  parameters[at] = value;
  return (8 * near - far) / (12 * h);
}

function errorBetween(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(1e-8, Math.abs(a) + Math.abs(b));
}
