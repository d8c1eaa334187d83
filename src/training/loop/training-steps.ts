/** The training loop itself: minibatches in order, learning rate, gradients, update. Everyone who trains iterates it. */
import { Sampler, type SamplerConfig } from '../../data/sampler.js';
import type { GradientSource } from '../../engine/engine.js';
import type { Decay, RuleNumbers } from '../../tensor/update-rules.js';
import type { Coordinator, GradientSums, UpdateNorms } from '../parallel/coordinator.js';
import type { CaptionSource, RewardSums, StepAddress } from './caption-source.js';
import { type Clip, clippedStep } from './clipping.js';
import { NonFiniteError, nonFiniteOf } from './non-finite.js';
import type { Optimiser } from './optimisers.js';
import type { Schedule } from './schedule.js';

export interface TrainingSettings {
  /** Of whole steps: a minibatch is as large as all its micro-steps together. */
  readonly sampler: SamplerConfig;
  readonly captions: CaptionSource;
  /** Rows of the sampler that make a micro-step, the last one of a step may have fewer. */
  readonly microRows: number;
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
  readonly clip: Clip;
  /** What of the moving average of the parameters is kept at each step; null where there is none. */
  readonly ema: number | null;
  readonly onNonFinite: 'stop' | 'skip';
}

export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  readonly epoch: number;
  /** Of the whole minibatch, before the update: the summed loss divided by its captions. */
  readonly loss: number;
  /** Where the captions are the model's own: mean rewards of the samples, and of what they are compared with. */
  readonly rewards: { readonly samples: number; readonly baseline: number } | null;
  readonly learningRate: number;
  readonly captions: number;
  /** Norm of the mean gradient of all parameters before it is clipped; null when the update was left out. */
  readonly gradientNorm: number | null;
  /** Norm of all trained parameters after the update; null when it was left out. */
  readonly parameterNorm: number | null;
  /** What was not finite, when the update was left out. */
  readonly skipped: string | null;
  /** Where the gradient sum of the step, not yet divided by its captions, lies until the next step. */
  readonly source: GradientSource;
  readonly timing: StepTiming;
}

/** Milliseconds. */
export interface StepTiming {
  /** The whole step. */
  readonly total: number;
  /** From the end of the step before, or for the first one from the start of the loop, to the start of this one. */
  readonly between: number;
  /** From the first task to the last answer, all shards, all micro-steps together. */
  readonly gradients: number;
  /** Reduction and the optimiser. */
  readonly update: number;
  /** Work in each shard, all micro-steps together. */
  readonly shards: readonly number[];
}

/** What the loop needs of a trainer. */
export interface StepSource {
  readonly coordinator: Coordinator;
  readonly settings: TrainingSettings;
}

/**
 * Steps `first` to `last`, one a turn; the parameters are updated when a step is yielded.
 *
 * @param plateaus how often the validation loss has come to a plateau by now, for the schedule that goes by it
 * @throws NonFiniteError before the update, when loss or gradient is not finite and the settings say stop
 */
export async function* trainingSteps(
  { coordinator, settings }: StepSource,
  first: number,
  last: number,
  plateaus: () => number = () => 0,
): AsyncGenerator<TrainingStep, void, void> {
  const { captions, microRows, optimiser, schedule, onNonFinite } = settings;
  const sampler = new Sampler(settings.sampler);
  const draw = (step: number) => {
    const { epoch, rows } = sampler.minibatch(step);
    const microSteps = Array.from({ length: Math.ceil(rows.length / microRows) }, (_, i) =>
      rows.subarray(i * microRows, (i + 1) * microRows),
    );
    return { epoch, divisor: rows.length * captions.captionsOfRow, microSteps };
  };
  let before = performance.now();
  let next = draw(first);
  for (let step = first; step <= last; step++) {
    const start = performance.now();
    const { epoch, divisor, microSteps } = next;
    const learningRate = schedule({ step, epoch, plateaus: plateaus() });

    const address = { seed: settings.sampler.seed, step };
    const answer = gradientSum(coordinator, captions, microSteps, divisor, address);
    // The next minibatch is drawn while the workers compute this one.
    if (step < last) next = draw(step + 1);
    const sums = await answer;

    const { fault, rewards } = sums;
    if (fault !== null && onNonFinite === 'stop') throw new NonFiniteError(step, fault);
    const updateStart = performance.now();
    const numbers = optimiser.step(step, learningRate);
    const source = microSteps.length > 1 ? 'accumulated' : 'slots';
    const norms = fault === null ? await update(coordinator, settings, step, numbers, source, divisor) : null;

    const end = performance.now();
    yield {
      step,
      epoch,
      loss: sums.loss / divisor,
      rewards: rewards && { samples: rewards.samples / divisor, baseline: rewards.baselines / divisor },
      learningRate,
      captions: divisor,
      gradientNorm: norms === null ? null : norms.gradientSum / divisor,
      parameterNorm: norms?.parameters ?? null,
      skipped: fault,
      source,
      timing: {
        total: end - start,
        between: start - before,
        gradients: sums.milliseconds,
        update: end - updateStart,
        shards: sums.shardMilliseconds,
      },
    };
    before = end;
  }
}

/** Sums over the micro-steps; the gradient is left in the slots, and before them in the accumulator where there are several. */
interface StepSums extends GradientSums {
  /** What was not finite, in words. */
  readonly fault: string | null;
  readonly rewards: RewardSums | null;
}

async function gradientSum(
  coordinator: Coordinator,
  source: CaptionSource,
  microSteps: readonly Int32Array[],
  divisor: number,
  address: StepAddress,
): Promise<StepSums> {
  let sums: StepSums = { ...noGradients(coordinator.memory.shards), fault: null, rewards: null };
  let first = 0;
  for (const [i, rows] of microSteps.entries()) {
    const captions = await source.captions(rows, first * source.captionsOfRow, divisor, address);
    const { batch, rewards } = captions;
    sums = { ...sums, ...added(sums, await coordinator.gradients(batch, address)) };
    if (rewards) sums = { ...sums, rewards: addedRewards(sums.rewards, rewards) };
    const fault = await nonFiniteOf(coordinator, captions, sums);
    if (fault !== null) return { ...sums, fault };
    if (i < microSteps.length - 1) await coordinator.accumulate(i === 0 ? 'slots' : 'accumulated');
    first += rows.length;
  }
  return sums;
}

function noGradients(shards: number): GradientSums {
  return { loss: 0, largestGradient: 0, shardMilliseconds: new Array<number>(shards).fill(0), milliseconds: 0 };
}

function added(a: GradientSums, b: GradientSums): GradientSums {
  return {
    loss: a.loss + b.loss,
    largestGradient: a.largestGradient + b.largestGradient,
    shardMilliseconds: a.shardMilliseconds.map((milliseconds, shard) => milliseconds + b.shardMilliseconds[shard]!),
    milliseconds: a.milliseconds + b.milliseconds,
  };
}

function addedRewards(a: RewardSums | null, b: RewardSums): RewardSums {
  if (a === null) return b;
  return { samples: a.samples + b.samples, baselines: a.baselines + b.baselines };
}

async function update(
  coordinator: Coordinator,
  { clip, ema }: TrainingSettings,
  step: number,
  numbers: RuleNumbers & Decay,
  source: GradientSource,
  divisor: number,
): Promise<UpdateNorms> {
  const norm = clip.norm === null ? 0 : (await coordinator.gradientNorm(source)) / divisor;
  return coordinator.update(clippedStep(numbers, clip, norm, divisor), source, ema && averageKept(ema, step));
}

/**
 * What of the moving average is kept at a step, from 0 at the first, where the average is the parameters, up to `most`: so
 * that parameters from before training do not weigh on it for long (as TensorFlow's ExponentialMovingAverage does when
 * it is given the number of updates).
 */
export function averageKept(most: number, step: number): number {
  return Math.min(most, (step - 1) / (step + 8));
}
