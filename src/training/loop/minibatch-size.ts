/** Of how many captions minibatches are, and which rows they are drawn from. */
import type { Config } from '../../config/schema.js';
import type { Dataset } from '../../data/dataset.js';
import type { SamplerConfig } from '../../data/sampler.js';
import type { SplitReferences } from './references.js';

export interface MinibatchSize {
  /** Its rows are captions, or images of which captions are sampled. */
  readonly sampler: SamplerConfig;
  /** Rows of a micro-step. */
  readonly microRows: number;
  /** Captions of a minibatch: `train.batchSize`, unless there are fewer. */
  readonly captions: number;
  /** Captions that a minibatch may have, of training or of validation: drawn with replacement, more than there are. */
  readonly mostCaptions: number;
}

/** @param rewardedBy references of the training images, of which captions are sampled; null where the true ones are trained on */
export function minibatchSize(
  { train: { batchSize, accumulate, sampling, seed, selfCritical } }: Config,
  { train, val }: Dataset,
  rewardedBy: SplitReferences | null,
): MinibatchSize {
  const count = rewardedBy?.images.length ?? train.count;
  const captionsOfRow = rewardedBy ? selfCritical.samples : 1;
  const captions = Math.min(batchSize, count * captionsOfRow);
  const microRows = batchSize / captionsOfRow;
  const trained = sampling === 'withReplacement' ? batchSize : captions;
  return {
    sampler: { count, batchSize: microRows * accumulate, sampling, seed },
    microRows,
    captions,
    mostCaptions: Math.max(trained, Math.min(batchSize, val.count)),
  };
}
