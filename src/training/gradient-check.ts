/** Analytic against numeric gradients, in float64, as CS231n's gradient_check.py does. */
import type { Config } from '../config/schema.js';
import { generator, uniformInts } from '../data/random.js';
import type { NumberArray } from '../engine/engine.js';
import { flatView } from '../engine/shared-memory.js';
import type { ParameterName } from '../model/parameters.js';
import type { Coordinator } from './coordinator.js';
import { drawParameters } from './initial-parameters.js';
import { createTrainer, type Trainer } from './trainer.js';

export interface GradientCheckOptions {
  readonly captions: number;
  /** Elements of each parameter that are compared. */
  readonly elements: number;
  readonly started: (trainer: Trainer) => void;
  readonly onFault: (message: string) => void;
}

export interface ParameterCheck {
  readonly name: ParameterName;
  readonly compared: number;
  /** The course's: the largest |a - n| / max(1e-8, |a| + |n|) over the compared elements. */
  readonly relativeError: number;
}

/** Half the distance of a central difference. */
const h = 1e-5;
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
  options: GradientCheckOptions,
): AsyncGenerator<ParameterCheck, void, void> {
  const size = options.captions;
  const trainer = await createTrainer(
    { ...config, engine: { name: 'reference' }, train: { ...config.train, batchSize: size } },
    { onFault: options.onFault },
  );
  const { coordinator, dataset } = trainer;
  try {
    const { memory } = coordinator;
    const parameters = flatView(memory, memory.parameters);
    drawParameters(parameters, memory.parameterLayout, config.train.seed);
    options.started(trainer);
    const rows = Int32Array.from({ length: Math.min(size, dataset.train.count) }, (_, i) => i);
    await coordinator.gradients(rows);
    const analytic = summedSlots(coordinator);
    for (const { name, offset, size: count } of memory.parameterLayout.places) {
      const elements = elementsToCompare(
        analytic.subarray(offset, offset + count),
        options.elements,
        config.train.seed,
      );
      let relativeError = 0;
      for (const element of elements) {
        const numeric = await centralDifference(coordinator, parameters, offset + element, rows);
        relativeError = Math.max(relativeError, errorBetween(analytic[offset + element]!, numeric));
      }
      yield { name, compared: elements.length, relativeError };
    }
  } finally {
    await coordinator.close();
  }
}

function summedSlots({ memory }: Coordinator): Float64Array {
  const sum = new Float64Array(memory.parameterLayout.length);
  for (const offset of memory.slots) {
    flatView(memory, offset).forEach((value, i) => {
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

async function centralDifference(
  coordinator: Coordinator,
  parameters: NumberArray,
  at: number,
  rows: Int32Array,
): Promise<number> {
  const value = parameters[at]!;
  parameters[at] = value + h;
  const above = await coordinator.loss('train', rows);
  parameters[at] = value - h;
  const below = await coordinator.loss('train', rows);
  parameters[at] = value;
  return (above - below) / (2 * h);
}

function errorBetween(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(1e-8, Math.abs(a) + Math.abs(b));
}
