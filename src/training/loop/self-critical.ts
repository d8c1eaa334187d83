/**
 * Self-critical sequence training (Rennie et al. 2017): the model writes captions of the training images and is trained
 * on them, each weighed by how much better it scores than a baseline. The gradient of that loss is an unbiased estimate of
 * the gradient of the expected reward, negated.
 */
import type { Config } from '../../config/schema.js';
import type { Batch } from '../../data/batches.js';
import type { CaptionSplit, Dataset } from '../../data/dataset.js';
import { endId, nullId, specialTokens, startId, unwrittenIds, type Vocabulary } from '../../data/vocabulary.js';
import { captionRewards } from '../../evaluation/reward.js';
import { tokeniser } from '../../evaluation/tokenise.js';
import { decodingOf } from '../../model/decoding/decoding.js';
import type { Coordinator } from '../parallel/coordinator.js';
import type { CaptionSource } from './caption-source.js';
import { drawnViews } from './image-views.js';
import type { SplitReferences } from './references.js';

export type SelfCriticalConfig = Config['train']['selfCritical'];

/** The config with the true captions to train on, and the keys that asked for others. */
export function withTrueCaptions(config: Config): { readonly config: Config; readonly switchedOff: readonly string[] } {
  const { train } = config;
  if (train.selfCritical.samples === 0) return { config, switchedOff: [] };
  const selfCritical = { ...train.selfCritical, samples: 0 };
  return { config: { ...config, train: { ...train, selfCritical } }, switchedOff: ['train.selfCritical'] };
}

/** The reward of a caption, as word ids with its `<END>`, of an image. */
export type Reward = (image: number, caption: readonly number[]) => number;

/**
 * Rewards as `recap evaluate` scores captions, but for the end, which counts as a word: a caption that stops short is
 * worth less than one that ends.
 */
export function rewardOf(
  { reward, tokens }: SelfCriticalConfig,
  { images }: SplitReferences,
  vocabulary: Vocabulary,
): Reward {
  const tokensOf = tokeniser(tokens);
  const end = specialTokens[endId]!;
  const references = images.map(({ captions }) => captions.map((caption) => [...tokensOf(caption), end]));
  const rewards = captionRewards(references, { cider: reward.CIDEr, bleu4: reward.Bleu_4 });
  const places = new Map(images.map(({ image }, place) => [image, place]));
  return (image, caption) => {
    const words = tokensOf(vocabulary.decode(caption));
    return rewards(places.get(image)!, caption.at(-1) === endId ? [...words, end] : words);
  };
}

/** The model's own captions: a row of the sampler is an image, and brings as many captions as the config says. */
export function selfCriticalCaptions(
  coordinator: Coordinator,
  { train: split, vocabulary }: Pick<Dataset, 'train' | 'vocabulary'>,
  config: SelfCriticalConfig,
  references: SplitReferences,
): CaptionSource {
  const { samples, baseline, temperature } = config;
  const { images } = references;
  const reward = rewardOf(config, references, vocabulary);
  return {
    captionsOfRow: samples,
    async captions(rows, first, divisor, address) {
      const ofRows = Array.from(rows, (row) => images[row]!.image);
      const ofSamples = spread(ofRows, samples);
      const seen = [...drawnViews(split, ofRows, address, first, samples)];
      const sampling = {
        ...fromTheModel,
        search: { ...wholeDistribution, temperature, ...address },
        captions: samples,
      };
      // One after the other, since both work in the memory of the same shards.
      const sampled = await coordinator.captions(split.name, seen, sampling);
      const likeliest = baseline === 'greedy' ? await coordinator.captions(split.name, seen, fromTheModel) : null;
      const drawn = sampled.flat().map(({ words }) => words);
      const greedy = likeliest?.map(([caption]) => caption!.words);
      const rewards = drawn.map((caption, i) => reward(ofSamples[i]!, caption));
      const baselines = greedy
        ? spread(
            greedy.map((caption, i) => reward(ofRows[i]!, caption)),
            samples,
          )
        : meansOfOthers(rewards, samples);
      const batch = batchOf(
        split,
        drawn,
        spread(seen, samples),
        Float32Array.from(rewards, (each, i) => each - baselines[i]!),
      );
      return {
        batch: { ...batch, firstRow: first, divisor },
        title: 'captions sampled of images',
        numbers: Int32Array.from(ofSamples),
        rewards: { samples: sumOf(rewards), baselines: sumOf(baselines) },
      };
    },
  };
}

/** The likeliest words. */
const fromTheModel = decodingOf({}, unwrittenIds);
/** What is sampled from, so that the gradient is an estimate of that of what is sampled. */
const wholeDistribution = { kind: 'sampling', topK: Number.MAX_SAFE_INTEGER, topP: 1 } as const;

/** Each value so many times, side by side. */
function spread(values: readonly number[], times: number): number[] {
  return values.flatMap((value) => new Array<number>(times).fill(value));
}

/** For each sample the mean of the other samples of its image, which stand side by side. */
function meansOfOthers(rewards: readonly number[], samples: number): number[] {
  return rewards.map((own, i) => {
    const first = i - (i % samples);
    return (sumOf(rewards.slice(first, first + samples)) - own) / (samples - 1);
  });
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function batchOf(
  { name, columns }: CaptionSplit,
  captions: readonly (readonly number[])[],
  images: readonly number[],
  weights: Float32Array,
): Omit<Batch, 'firstRow' | 'divisor'> {
  const steps = columns - 1;
  const rows = captions.length;
  const inputs = new Int32Array(rows * steps).fill(nullId);
  const targets = new Int32Array(rows * steps).fill(nullId);
  captions.forEach((caption, row) => {
    targets.set(caption, row * steps);
    inputs.set([startId, ...caption.slice(0, -1)], row * steps);
  });
  return { tokens: { rows, steps, inputs, targets, weights }, images: Int32Array.from(images), split: name };
}
