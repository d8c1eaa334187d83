/** Scores a set of captions as coco-caption does, with confidence intervals, and says what else is told of captions. */
import { type BleuCounts, bleu } from './bleu.js';
import { type BootstrapOptions, bootstrapIntervals, type Interval } from './bootstrap.js';
import { type CaptionMatch, CaptionScorer } from './caption-scorer.js';
import {
  type CandidateSet,
  type CaptionedImage,
  checkReferences,
  type ImageId,
  pairCaptions,
  type ReferenceImage,
  type ReferenceSet,
} from './caption-sets.js';
import { orders } from './ngrams.js';
import { ReferenceTable } from './reference-table.js';
import { weightedSums } from './resampling.js';
import { type CaptionTokens, isTokenised, splitAtSpaces, type Tokeniser, tokeniser } from './tokenise.js';

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
  /** All captions were tokens already, and were taken as they are. */
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
  const alreadyTokenised = tokens === 'ptb' && isTokenised(allCaptions(images, idf));
  const tokensOf = alreadyTokenised ? splitAtSpaces : tokeniser(tokens);

  const table = new ReferenceTable(tokenised(images, tokensOf), idf && tokenised(idf.images, tokensOf));
  const scorer = new CaptionScorer(table);
  const candidateTokens = images.map(({ candidate }) => tokensOf(candidate));
  const matches = candidateTokens.map((caption, image) => scorer.match(image, caption));
  const statistics = new Float64Array(new SharedArrayBuffer(8 * matches.length * columns));
  matches.forEach((match, image) => {
    statistics.set(statisticsOf(match), image * columns);
  });

  const ofSums = (sums: Float64Array) => scoresOfSums(sums, images.length);
  const scores = ofSums(weightedSums(statistics, columns, new Uint8Array(images.length).fill(1)));
  const intervals = resamples === 0 ? null : named(await bootstrapIntervals(statistics, columns, ofSums, bootstrap));
  const texts = candidateTokens.map((caption) => caption.join(' '));
  const known = training && new Set(training.map((caption) => tokensOf(caption).join(' ')));
  return {
    scores: named(scores),
    intervals,
    bootstrap,
    images: images.length,
    references: images.reduce((sum, { captions }) => sum + captions.length, 0),
    tokens,
    alreadyTokenised,
    distinct: new Set(texts).size,
    meanLength: candidateTokens.reduce((sum, caption) => sum + caption.length, 0) / images.length,
    copied: known ? texts.filter((text) => known.has(text)).length / images.length : null,
    perImage: images.map(({ image, file, candidate }, i) => ({
      image,
      file,
      caption: candidate,
      scores: scoresOf(matches[i]!),
    })),
  };
}

/** Images by CIDEr, then BLEU-4 and ROUGE_L, from the best on. */
export function fromBestToWorst(perImage: readonly ImageScores[]): ImageScores[] {
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

/** Caption by caption, since the tokens of all of them together would fill memory. */
function* tokenised(images: readonly ReferenceImage[], tokensOf: Tokeniser): Generator<string[][]> {
  for (const { captions } of images) yield captions.map((caption) => tokensOf(caption));
}

function* allCaptions(images: readonly CaptionedImage[], idf: ReferenceSet | undefined): Generator<string> {
  for (const { candidate, captions } of images) {
    yield candidate;
    yield* captions;
  }
  for (const { captions } of idf?.images ?? []) yield* captions;
}

/** BLEU's counts are summed over a set, the other scores averaged. */
const columns = 2 * orders + 3;

function statisticsOf({ guessed, matched, referenceLength, rougeL, cider }: CaptionMatch): number[] {
  return [...Array.from(guessed), ...Array.from(matched), referenceLength, rougeL, cider];
}

function scoresOfSums(sums: Float64Array, images: number): number[] {
  const counts: BleuCounts = {
    guessed: sums.subarray(0, orders),
    matched: sums.subarray(orders, 2 * orders),
    referenceLength: sums[2 * orders]!,
  };
  return [...bleu(counts), sums[2 * orders + 1]! / images, sums[2 * orders + 2]! / images];
}
