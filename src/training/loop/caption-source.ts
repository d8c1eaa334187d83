/** Where the captions of a training step come from: the data, or the model itself. */
import { type Batch, captionBatch } from '../../data/batches.js';
import type { CaptionSplit } from '../../data/dataset.js';
import type { Draws } from '../../tensor/draws.js';
import type { Coordinator } from '../parallel/coordinator.js';
import { drawnViews } from './image-views.js';

/** Where a step's random numbers are; see Draws. */
export type StepAddress = Omit<Draws, 'rows'>;

/** The captions of a micro-step, and how they are named to the user. */
export interface MicroStep {
  readonly batch: Batch;
  /** What a message calls them, before their numbers. */
  readonly title: string;
  /** (n) the number of each caption of the batch. */
  readonly numbers: Int32Array;
  /** Where the captions are the model's own. */
  readonly rewards: RewardSums | null;
}

/** Sums over the captions of a batch. */
export interface RewardSums {
  readonly samples: number;
  readonly baselines: number;
}

export interface CaptionSource {
  /** Captions that a row drawn by the sampler brings. */
  readonly captionsOfRow: number;
  /**
   * @param rows drawn for a micro-step, `first` their place among those of the step
   * @param divisor captions of the whole minibatch
   */
  captions(rows: Int32Array, first: number, divisor: number, address: StepAddress): Promise<MicroStep> | MicroStep;
}

/**
 * The captions of the data.
 *
 * @param sampledWords probability at a step of a word that is read to be the model's own; see scheduled-sampling.ts
 */
export function trueCaptions(
  coordinator: Coordinator,
  split: CaptionSplit,
  sampledWords: (step: number) => number,
): CaptionSource {
  return {
    captionsOfRow: 1,
    async captions(rows, first, divisor, address) {
      const { images, ...rest } = captionBatch(split, rows);
      const batch = { ...rest, images: drawnViews(split, images, address, first), firstRow: first, divisor };
      const probability = sampledWords(address.step);
      const read = probability > 0 ? await coordinator.sampled(batch, address, probability) : batch;
      return { batch: read, title: 'training captions', numbers: rows, rewards: null };
    },
  };
}
