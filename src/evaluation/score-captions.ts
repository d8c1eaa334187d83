/** Scores a set of captions as coco-caption does, with confidence intervals, and says what else is told of captions. */
import { bleu } from './bleu.js';
import { type BootstrapOptions, bootstrapIntervals, type Interval } from './bootstrap.js';
import type { CaptionMatch } from './caption-scorer.js';
import { type CandidateSet, checkReferences, type ImageId, pairCaptions, type ReferenceSet } from './caption-sets.js';
import { documentFrequencies } from './document-frequencies.js';
import { columns, matchOf } from './match-captions.js';
import { captionCount, type GivenCaptions, type NumberedCaptions, numberedCaptions } from './numbered-captions.js';
import { weightedSums } from './resampling.js';
import { ScoringThreads, threadsFor } from './scoring-threads.js';
import type { CaptionTokens } from './tokenise.js';
import { wordsOf } from './word-ids.js';

/** Under the names that coco-caption gives them; its CIDEr is CIDEr-D. */
export const scoreNames = ['Bleu_1', 'Bleu_2', 'Bleu_3', 'Bleu_4', 'ROUGE_L', 'CIDEr'] as const;

export type Scores = Readonly<Record<(typeof scoreNames)[number], number>>;

/** By default 1,000 resamples, seed 231, 95% intervals. */
export interface ScoreOptions extends Partial<BootstrapOptions> {
  readonly tokens?: CaptionTokens;
  /** Captions from which CIDEr's document frequencies are counted: by default the references. */
  readonly idf?: ReferenceSet;
  /** The captions that the candidates' author was trained on, to see which are copies. */
  readonly training?: readonly string[];
}

export interface ImageScores {
  readonly image: ImageId;
  readonly file: string | null;
  /** The candidate. */
  readonly caption: string;
  readonly references: readonly string[];
  readonly scores: Scores;
}

export interface CaptionScores {
  readonly scores: Scores;
  /** Null without resamples. */
  readonly intervals: Readonly<Record<keyof Scores, Interval>> | null;
  readonly bootstrap: BootstrapOptions;
  readonly images: number;
  readonly references: number;
  readonly tokens: CaptionTokens;
  /** Candidates, references and those of `idf` were tokens already, and were taken as they are. */
  readonly alreadyTokenised: boolean;
  /** Candidates that differ from one another, as tokens. */
  readonly distinct: number;
  /** Tokens of a candidate. */
  readonly meanLength: number;
  /** Share of the candidates that are, token for token, captions of the training set; null where that is not known. */
  readonly copied: number | null;
  /** In rising order of the images' ids. */
  readonly perImage: readonly ImageScores[];
}

/** @throws UserError when candidates and references are not of the same images */
export async function scoreCaptions(
  candidates: CandidateSet,
  references: ReferenceSet,
  options: ScoreOptions = {},
): Promise<CaptionScores> {
  const { tokens = 'ptb', idf, training, resamples = 1000, seed = 231, confidence = 0.95 } = options;
  const bootstrap: BootstrapOptions = { resamples, seed, confidence };
  const images = pairCaptions(candidates, references);
  if (idf) checkReferences(idf);
  const given: GivenCaptions = {
    candidates: images.map(({ candidate }) => candidate),
    references: images.map(({ captions }) => captions),
    documents: idf?.images.map(({ captions }) => captions) ?? [],
    training: training ?? [],
  };
  const threads = new ScoringThreads(threadsFor(captionCount(given), resamples * images.length));
  try {
    const numbered = await numberedCaptions(given, tokens, threads);
    const statistics = await captionStatistics(numbered, threads);
    const ofSums = (sums: Float64Array) => scoresOfSums(sums, images.length);
    const scores = ofSums(weightedSums(statistics, columns, new Float64Array(images.length).fill(1)));
    // The threads resample while this one looks at the texts.
    const resampled = resamples === 0 ? null : bootstrapIntervals(statistics, columns, ofSums, bootstrap, threads);
    const { captions, firstTraining, alreadyTokenised } = numbered;
    const textOf = (caption: number) => wordsOf(captions, caption).join(' ');
    const texts = images.map((_, i) => textOf(i));
    const known = training && new Set(training.map((_, i) => textOf(firstTraining + i)));
    const perImage = images.map(({ image, file, candidate, captions: others }, i) => {
      const ofImage = Float64Array.from({ length: columns }, (_, column) => statistics[column * images.length + i]!);
      return { image, file, caption: candidate, references: others, scores: scoresOf(matchOf(ofImage)) };
    });
    return {
      scores: named(scores),
      bootstrap,
      images: images.length,
      references: images.reduce((sum, { captions }) => sum + captions.length, 0),
      tokens,
      alreadyTokenised,
      distinct: new Set(texts).size,
      meanLength: captions.firstWord[images.length]! / images.length,
      copied: known ? texts.filter((text) => known.has(text)).length / images.length : null,
      perImage,
      intervals: resampled && named(await resampled),
    };
  } finally {
    await threads.close();
  }
}

/** Images by CIDEr, then BLEU-4 and ROUGE_L, from the best on. */
export function fromBestToWorst<T extends Pick<ImageScores, 'scores'>>(perImage: readonly T[]): T[] {
  const by = ['CIDEr', 'Bleu_4', 'ROUGE_L'] as const;
  return perImage.toSorted((a, b) => {
    const first = by.find((score) => a.scores[score] !== b.scores[score]);
    return first === undefined ? 0 : b.scores[first] - a.scores[first];
  });
}

/** The scores of one caption. */
export function scoresOf(match: CaptionMatch): Scores {
  return named([...bleu(match), match.rougeL, match.cider]);
}

function named<T>(values: readonly T[]): Record<keyof Scores, T> {
  return Object.fromEntries(scoreNames.map((name, i) => [name, values[i]!])) as Record<keyof Scores, T>;
}

/** (columns, images) what the scores are made of, of each candidate beside its references, in memory that threads share. */
export async function captionStatistics(
  { captions, firstReference, firstDocument, vocabularySize }: NumberedCaptions,
  threads: ScoringThreads,
): Promise<Float64Array> {
  const images = firstReference.length - 1;
  const statistics = new Float64Array(new SharedArrayBuffer(8 * images * columns));
  const documents = firstDocument.length > 1 ? firstDocument : firstReference;
  const table = { captions, firstReference, frequencies: documentFrequencies(captions, documents, vocabularySize) };
  await threads.run('matchCaptions', images, (from, to) => ({ table, firstCandidate: 0, statistics, from, to }));
  return statistics;
}

function scoresOfSums(sums: Float64Array, images: number): number[] {
  const { rougeL, cider, ...counts } = matchOf(sums);
  return [...bleu(counts), rougeL / images, cider / images];
}
