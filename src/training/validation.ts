/** What a captioner can do on a split: its loss on every caption, and captions of a few images beside true ones. */
import type { CaptionSplit, SplitName } from '../data/dataset.js';
import type { Vocabulary } from '../data/vocabulary.js';
import type { Coordinator } from './coordinator.js';

export interface ValidationLoss {
  /** Summed loss over the captions' tokens, divided by the captions. */
  readonly loss: number;
  /** e to the mean loss of a token. */
  readonly perplexity: number;
  readonly captions: number;
}

/** Over the whole split, minibatch by minibatch; null when the split is empty or `cancelled` says so in between. */
export async function validationLoss(
  coordinator: Coordinator,
  split: SplitName,
  cancelled: () => boolean,
): Promise<ValidationLoss | null> {
  const lengths = coordinator.lengths[split];
  const { batchSize } = coordinator.options;
  let sum = 0;
  for (let first = 0; first < lengths.length; first += batchSize) {
    const size = Math.min(batchSize, lengths.length - first);
    sum += await coordinator.loss(
      split,
      Int32Array.from({ length: size }, (_, i) => first + i),
    );
    if (cancelled()) return null;
  }
  if (lengths.length === 0) return null;
  const tokens = lengths.reduce((total, length) => total + length, 0);
  return { loss: sum / lengths.length, perplexity: Math.exp(sum / tokens), captions: lengths.length };
}

export interface SampleCaption {
  readonly image: number;
  readonly url: string | null;
  /** One of the image's captions. */
  readonly truth: string;
  readonly generated: string;
}

/** Greedy captions of `count` images spread over the split, each beside its first true caption. */
export async function sampleCaptions(
  coordinator: Coordinator,
  split: CaptionSplit,
  vocabulary: Vocabulary,
  count: number,
): Promise<SampleCaption[]> {
  const rows = firstCaptionOfEachImage(split);
  const chosen = rows.filter(
    (_, i) => Math.floor((i * count) / rows.length) !== Math.floor(((i - 1) * count) / rows.length),
  );
  return captionRows(coordinator, split, vocabulary, chosen.slice(0, count));
}

/** Greedy captions of the images of caption rows, each beside that row's caption. */
export async function captionRows(
  coordinator: Coordinator,
  split: CaptionSplit,
  vocabulary: Vocabulary,
  rows: readonly number[],
): Promise<SampleCaption[]> {
  const images = rows.map((row) => split.imageIdxs[row]!);
  const generated = await coordinator.captions(split.name, images);
  return rows.map((row, i) => ({
    image: images[i]!,
    url: split.urls?.[images[i]!] ?? null,
    truth: vocabulary.decode(split.captions.subarray(row * split.columns, (row + 1) * split.columns)),
    generated: vocabulary.decode(generated[i]!),
  }));
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
