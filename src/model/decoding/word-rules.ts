/** What no word may break, in any search: words that are never written, a least length, no trigram twice. */
import type { NumberArray } from '../../tensor/matrix.js';
import type { WordRules } from './decoding.js';

/** Gives the words that may not follow a score that no search takes. */
export function forbid(scores: NumberArray, words: readonly number[], rules: WordRules, end: number): void {
  for (const word of rules.never) scores[word] = Number.NEGATIVE_INFINITY;
  if (words.length < rules.minLength) scores[end] = Number.NEGATIVE_INFINITY;
  if (!rules.noRepeat) return;
  const [before, last] = words.slice(-2);
  for (let i = 2; i < words.length; i++) {
    if (words[i - 2] === before && words[i - 1] === last) scores[words[i]!] = Number.NEGATIVE_INFINITY;
  }
}

/** The likeliest word, the first of equals; null where none may follow. */
export function likeliest(scores: NumberArray): number | null {
  let best: number | null = null;
  let largest = Number.NEGATIVE_INFINITY;
  for (let word = 0; word < scores.length; word++) {
    if (scores[word]! > largest) {
      largest = scores[word]!;
      best = word;
    }
  }
  return best;
}

/** Up to so many, moving words along a list is faster than sorting all of them. */
const fewWords = 64;

/** The k likeliest words, likeliest first and equals by their ids; fewer where fewer may follow. */
export function likeliestWords(scores: NumberArray, k: number): number[] {
  if (k > fewWords) return sortedWords(scores).slice(0, k);
  const words: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let word = 0; word < scores.length; word++) {
    const score = scores[word]!;
    if (!(score > least)) continue;
    let at = Math.min(words.length, k - 1);
    while (at > 0 && scores[words[at - 1]!]! < score) {
      words[at] = words[at - 1]!;
      at--;
    }
    words[at] = word;
    if (words.length === k) least = scores[words[k - 1]!]!;
  }
  return words;
}

function sortedWords(scores: NumberArray): number[] {
  const words = Array.from(scores.keys()).filter((word) => scores[word]! > Number.NEGATIVE_INFINITY);
  return words.sort((a, b) => scores[b]! - scores[a]!);
}
