/**
 * Sampling with a temperature, from the k likeliest words (Fan et al. 2018) and from the nucleus of the likeliest whose
 * probabilities sum to p (Holtzman et al. 2020).
 *
 * The random numbers are addressed (see tensor/draws.ts) by the image, the position and the number of the sample, so that
 * no batch and no worker changes a caption.
 */
import { keyOf, wordsAt } from '../../tensor/draws.js';
import type { NumberArray } from '../../tensor/matrix.js';
import { drawnFrom } from '../drawn-word.js';
import type { Sampling } from './decoding.js';
import { likeliestWords } from './word-rules.js';

const place = 'captions';

/** @returns a number in [0, 1) for a position of a sample of an image */
export function sampleDraws({
  seed,
  step,
  firstImage = 0,
}: Sampling): (image: number, sample: number, position: number) => number {
  const key = keyOf({ seed }, place);
  return (image, sample, position) => wordsAt(key, step, firstImage + image, position, sample)[0] / 2 ** 32;
}

/** The word that `uniform` draws; null where none may follow. */
export function sampledWord(scores: NumberArray, uniform: number, search: Sampling): number | null {
  const { temperature, topK, topP } = search;
  let left = scores;
  if (temperature !== 1 || topK < scores.length || topP < 1) {
    const tempered = new Float64Array(scores.length);
    for (let word = 0; word < scores.length; word++) tempered[word] = scores[word]! / temperature;
    if (topK < tempered.length) keepOnly(tempered, likeliestWords(tempered, topK));
    if (topP < 1) keepOnly(tempered, nucleus(tempered, topP));
    left = tempered;
  }
  const word = drawnFrom(left, uniform);
  return left[word] === Number.NEGATIVE_INFINITY ? null : word;
}

function keepOnly(scores: Float64Array, words: readonly number[]): void {
  const kept = words.map((word) => scores[word]!);
  scores.fill(Number.NEGATIVE_INFINITY);
  words.forEach((word, i) => {
    scores[word] = kept[i]!;
  });
}

/** Words that are looked through at first, since they mostly suffice. */
const fewWords = 32;

/** The fewest words, likeliest first, whose probabilities sum to `share` of all. */
function nucleus(scores: Float64Array, share: number): number[] {
  const largest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
  for (const k of [fewWords, scores.length]) {
    const words = likeliestWords(scores, k);
    let reached = 0;
    for (const [i, word] of words.entries()) {
      reached += Math.exp(scores[word]! - largest) / sum;
      if (reached >= share) return words.slice(0, i + 1);
    }
  }
  return likeliestWords(scores, scores.length);
}
