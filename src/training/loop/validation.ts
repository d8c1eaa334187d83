/** What a captioner can do on a split: its loss on every caption, scores of its own captions, and a few beside true ones. */
import type { Config } from '../../config/schema.js';
import { captionBatch, targetCount } from '../../data/batches.js';
import { captionText } from '../../data/captions.js';
import type { CaptionSplit } from '../../data/dataset.js';
import { unwrittenIds, type Vocabulary } from '../../data/vocabulary.js';
import type { ParameterValues } from '../../engine/engine.js';
import { type Scores, scoreCaptions } from '../../evaluation/score-captions.js';
import type { CaptionTokens } from '../../evaluation/tokenise.js';
import { decodingOf, greedy } from '../../model/decoding/decoding.js';
import type { Coordinator } from '../parallel/coordinator.js';
import type { SplitReferences } from './references.js';

export interface ValidationLoss {
  /** Summed loss over the captions' tokens, divided by the captions. */
  readonly loss: number;
  /** e to the mean loss of a token. */
  readonly perplexity: number;
  readonly captions: number;
}

/** All that is measured at a validation. */
export interface Validation extends ValidationLoss {
  /** Null where captions were not scored. */
  readonly scores: Scores | null;
}

/** The parameters that a config has validated and captions images by. */
export function validatedParameters({ train, validate }: Config): ParameterValues {
  if (validate.parameters !== 'auto') return validate.parameters;
  return train.ema === null ? 'live' : 'ema';
}

/** Told whenever more is done, of so many captions or images. */
export type Doing = (done: number, of: number) => void;

/** Over the whole split, minibatch by minibatch; null when no word is there to predict or `signal` aborts it before one. */
export async function validationLoss(
  coordinator: Coordinator,
  split: CaptionSplit,
  signal?: AbortSignal,
  parameters: ParameterValues = 'live',
  doing: Doing = () => {},
): Promise<ValidationLoss | null> {
  const { batchSize } = coordinator.options;
  let sum = 0;
  let tokens = 0;
  for (let first = 0; first < split.count; first += batchSize) {
    if (signal?.aborted) return null;
    const rows = Int32Array.from({ length: Math.min(batchSize, split.count - first) }, (_, i) => first + i);
    const batch = captionBatch(split, rows);
    sum += await coordinator.loss(batch, parameters);
    tokens += targetCount(batch.tokens);
    doing(first + rows.length, split.count);
  }
  if (tokens === 0) return null;
  return { loss: sum / split.count, perplexity: Math.exp(sum / tokens), captions: split.count };
}

/**
 * Scores of greedy captions, in words alone, of all images of the references, as `recap evaluate` computes them; null when
 * `signal` aborts it before a minibatch of them.
 */
export async function validationScores(
  coordinator: Coordinator,
  split: CaptionSplit,
  vocabulary: Vocabulary,
  references: SplitReferences,
  tokens: CaptionTokens,
  signal?: AbortSignal,
  parameters: ParameterValues = 'live',
  doing: Doing = () => {},
): Promise<Scores | null> {
  const images = references.images.map(({ image }) => image);
  const captions: { image: number; caption: string }[] = [];
  for (const some of minibatchesOf(images, coordinator)) {
    if (signal?.aborted) return null;
    const told: Doing = (done) => doing(captions.length + done, images.length);
    const made = await coordinator.captions(split.name, some, decodingOf({}, unwrittenIds), parameters, told);
    captions.push(...some.map((image, i) => ({ image, caption: vocabulary.decode(made[i]![0]!.words) })));
  }
  const candidates = { source: `the captions of ${split.name}`, captions };
  const { scores } = await scoreCaptions(candidates, references, { tokens, resamples: 0 });
  return scores;
}

/**
 * Images of which captions are written at once. Each is a whole number of a worker's parts, and what would be left goes with
 * the last, so that the parts, and with them the bits, are those of all images at once.
 */
function* minibatchesOf(images: readonly number[], { options }: Coordinator): Generator<readonly number[]> {
  const { batchSize, shards } = options;
  const size = shards * Math.ceil(batchSize / shards);
  let first = 0;
  for (; images.length - first >= 2 * size; first += size) yield images.slice(first, first + size);
  yield images.slice(first);
}

export interface SampleCaption {
  readonly image: number;
  readonly url: string | null;
  /** One of the image's captions. */
  readonly truth: string;
  readonly generated: string;
  /** Of the generated one, summed over its words and its end. */
  readonly logProbability: number;
}

/** Greedy captions over the whole vocabulary of `count` images spread over the split, each beside its first true one. */
export async function sampleCaptions(
  coordinator: Coordinator,
  split: CaptionSplit,
  vocabulary: Vocabulary,
  count: number,
  parameters: ParameterValues = 'live',
): Promise<SampleCaption[]> {
  const rows = firstCaptionOfEachImage(split);
  const chosen = rows.filter(
    (_, i) => Math.floor((i * count) / rows.length) !== Math.floor(((i - 1) * count) / rows.length),
  );
  return captionRows(coordinator, split, vocabulary, chosen.slice(0, count), parameters);
}

/** Greedy captions over the whole vocabulary of the images of caption rows, each beside that row's caption. */
export async function captionRows(
  coordinator: Coordinator,
  split: CaptionSplit,
  vocabulary: Vocabulary,
  rows: readonly number[],
  parameters: ParameterValues = 'live',
): Promise<SampleCaption[]> {
  const images = rows.map((row) => split.imageIdxs[row]!);
  const generated = await coordinator.captions(split.name, images, greedy, parameters);
  return rows.map((row, i) => {
    const { words, logProbability } = generated[i]![0]!;
    return {
      image: images[i]!,
      url: split.urls?.[images[i]!] ?? null,
      truth: captionText(split, row, vocabulary),
      generated: vocabulary.decode(words),
      logProbability,
    };
  });
}

/** The first caption row of every image that has one, in the order of the captions. */
export function firstCaptionOfEachImage({ imageIdxs, count }: CaptionSplit): number[] {
  const seen = new Set<number>();
  const rows: number[] = [];
  for (let row = 0; row < count; row++) {
    const image = imageIdxs[row]!;
    if (seen.has(image)) continue;
    seen.add(image);
    rows.push(row);
  }
  return rows;
}
