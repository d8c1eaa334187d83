/** The training loop itself: minibatches in order, learning rate, gradients, update. Everyone who trains iterates it. */
import { Sampler, type SamplerConfig } from '../data/sampler.js';
import type { Coordinator, GradientSums } from './coordinator.js';
import { NonFiniteError, nonFiniteOf } from './non-finite.js';
import { type AdamSettings, adamStep, learningRateOf } from './schedule.js';

export interface TrainingSettings {
  readonly sampler: SamplerConfig;
  readonly adam: AdamSettings;
  readonly learningRate: number;
  readonly lrDecay: number;
  readonly onNonFinite: 'stop' | 'skip';
}

export interface TrainingStep {
  /** From 1. */
  readonly step: number;
  readonly epoch: number;
  /** Of the whole minibatch, before the update: the summed loss divided by its captions. */
  readonly loss: number;
  readonly learningRate: number;
  readonly captions: number;
  /** What was not finite, when the update was left out. */
  readonly skipped: string | null;
  readonly timing: StepTiming;
}

/** Milliseconds. */
export interface StepTiming {
  /** The whole step, from one update's end to the next. */
  readonly total: number;
  /** From the first task to the last answer, all shards. */
  readonly gradients: number;
  /** Reduction and Adam. */
  readonly update: number;
  /** Work in each shard. */
  readonly shards: readonly number[];
}

/**
 * Steps `first` to `last`, one a turn; the parameters are updated when a step is yielded.
 *
 * @throws NonFiniteError before the update, when loss or gradient is not finite and the settings say stop
 */
export async function* trainingSteps(
  coordinator: Coordinator,
  settings: TrainingSettings,
  first: number,
  last: number,
): AsyncGenerator<TrainingStep, void, void> {
  const sampler = new Sampler(settings.sampler);
  let next = sampler.minibatch(first);
  for (let step = first; step <= last; step++) {
    const start = performance.now();
    const { epoch, rows } = next;
    const learningRate = learningRateOf(epoch, settings.learningRate, settings.lrDecay);

    const answer = coordinator.gradients(rows);
    // The next minibatch is drawn while the workers compute this one.
    if (step < last) next = sampler.minibatch(step + 1);
    const sums: GradientSums = await answer;

    const fault = await nonFiniteOf(coordinator, rows, sums);
    if (fault !== null && settings.onNonFinite === 'stop') throw new NonFiniteError(step, fault);
    const updateStart = performance.now();
    if (fault === null) await coordinator.update(adamStep(settings.adam, step, learningRate, rows.length));

    const end = performance.now();
    yield {
      step,
      epoch,
      loss: sums.loss / rows.length,
      learningRate,
      captions: rows.length,
      skipped: fault,
      timing: {
        total: end - start,
        gradients: sums.milliseconds,
        update: end - updateStart,
        shards: sums.shardMilliseconds,
      },
    };
  }
}
