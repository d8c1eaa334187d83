/**
 * The formulas of CIDEr-D (Vedantam et al. 2015), which is what coco-caption prints as CIDEr: cosines of tf-idf vectors
 * of n-grams, with counts clipped to the reference's and a penalty on unequal lengths, times 10.
 */
import { orders } from './ngrams.js';

const sigma = 6;
const scale = 10;

/** @param frequency images whose references hold the n-gram; 0 counts as 1 */
export function inverseDocumentFrequency(images: number, frequency: number): number {
  return Math.log(images) - Math.log(Math.max(1, frequency));
}

/** Lengths are counted in pairs of words, as coco-caption does. */
export function pairs(words: number): number {
  return Math.max(0, words - 1);
}

/** @param pairsApart difference of the lengths of candidate and reference */
export function lengthPenalty(pairsApart: number): number {
  return Math.exp(-(pairsApart ** 2) / (2 * sigma ** 2));
}

/** @param cosines penalised cosines, summed over orders and references */
export function ciderOf(cosines: number, references: number): number {
  return (scale * cosines) / orders / references;
}
