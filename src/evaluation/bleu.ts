/** BLEU (Papineni et al. 2002) with coco-caption's constants, of one caption or of a whole set. */
import { orders } from './ngrams.js';

/** Sums over captions. */
export interface BleuCounts {
  /** (4) n-grams of the candidates, n from 1; those of order 1 are their length. */
  readonly guessed: ArrayLike<number>;
  /** (4) n-grams among them that a reference holds too, each at most as often as the one that holds it most often. */
  readonly matched: ArrayLike<number>;
  /** Length of the references that are closest in length, the shorter of two equally close ones. */
  readonly referenceLength: number;
}

const small = 1e-9;
const tiny = 1e-15;

/** @returns (4) BLEU-1 to BLEU-4 */
export function bleu({ guessed, matched, referenceLength }: BleuCounts): number[] {
  const ratio = (guessed[0]! + tiny) / (referenceLength + small);
  const brevity = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
  let precisions = 1;
  return Array.from({ length: orders }, (_, k) => {
    precisions *= (matched[k]! + tiny) / (guessed[k]! + small);
    return precisions ** (1 / (k + 1)) * brevity;
  });
}

/** The reference length closest to the candidate's, the shorter of two equally close ones. */
export function closestLength(length: number, references: ArrayLike<number>): number {
  let closest = references[0]!;
  for (let i = 1; i < references.length; i++) {
    const reference = references[i]!;
    const nearer = Math.abs(reference - length) - Math.abs(closest - length);
    if (nearer < 0 || (nearer === 0 && reference < closest)) closest = reference;
  }
  return closest;
}
