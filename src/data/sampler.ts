/**
 * Which captions make up the minibatch of a training step: a pure function of the configuration and the step, so that a
 * run resumed at any step draws what it would have drawn.
 */
import { generator, permutation, uniformInts } from './random.js';

export type Sampling = 'shuffle' | 'sequential' | 'withReplacement';

export interface SamplerConfig {
  /** Captions of the training split, or its images where captions are sampled of them. */
  readonly count: number;
  readonly batchSize: number;
  readonly sampling: Sampling;
  readonly seed: number;
}

export interface Minibatch {
  /** From 1. */
  readonly epoch: number;
  /** Each below the configured count. */
  readonly rows: Int32Array;
}

/** Steps in which every caption is seen once (drawn with replacement: as many as are in the split). */
export function stepsPerEpoch({ count, batchSize }: Pick<SamplerConfig, 'count' | 'batchSize'>): number {
  return Math.ceil(count / batchSize);
}

export class Sampler {
  private order: { readonly epoch: number; readonly rows: Int32Array } | null = null;

  constructor(readonly config: SamplerConfig) {}

  /**
   * Shuffled and sequential epochs end in a smaller minibatch where `batchSize` does not divide `count`; minibatches
   * drawn with replacement are always full.
   *
   * @param step from 1; steps may be asked for in any order
   */
  minibatch(step: number): Minibatch {
    const { count, batchSize, sampling, seed } = this.config;
    const perEpoch = stepsPerEpoch(this.config);
    const epoch = Math.floor((step - 1) / perEpoch) + 1;
    if (sampling === 'withReplacement') {
      return { epoch, rows: uniformInts(generator(seed, 'draw', step), count, batchSize) };
    }
    const first = ((step - 1) % perEpoch) * batchSize;
    const size = Math.min(batchSize, count - first);
    if (sampling === 'sequential') return { epoch, rows: Int32Array.from({ length: size }, (_, i) => first + i) };
    return { epoch, rows: this.shuffled(epoch).slice(first, first + size) };
  }

  private shuffled(epoch: number): Int32Array {
    if (this.order?.epoch !== epoch) {
      const { count, seed } = this.config;
      this.order = { epoch, rows: permutation(generator(seed, 'shuffle', epoch), count) };
    }
    return this.order.rows;
  }
}
