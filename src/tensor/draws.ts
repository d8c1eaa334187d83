/**
 * Random numbers that are addressed, not drawn: which words of Philox belong to a place of the model, an optimiser step, a
 * row of the minibatch and a position. Nothing of a generator's state is kept, and shards, workers and engines change
 * nothing.
 *
 * Key: the seed and the FNV-1a hash of the place's name. Counter: step, row, position, block.
 */
import { philox4x32, type Words2, type Words4 } from './philox.js';

/** The addresses of a run's random numbers. */
export interface Draws {
  readonly seed: number;
  /** Of the optimiser, from 1. */
  readonly step: number;
  /** (rows of the plan) which row of the whole minibatch, over all its parts, each is; anything for a spare row. */
  readonly rows: Int32Array;
}

/** The 32-bit FNV-1a hash of a text in UTF-8 (Fowler, Noll and Vo). */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

export function keyOf({ seed }: Pick<Draws, 'seed'>, place: string): Words2 {
  return [seed >>> 0, fnv1a(place)];
}

export function wordsAt(key: Words2, step: number, row: number, position: number, block: number): Words4 {
  return philox4x32([step >>> 0, row >>> 0, position >>> 0, block >>> 0], key);
}

/** The number from which on a random word is not among the share `probability` of all. */
export function thresholdOf(probability: number): number {
  return Math.round(probability * 2 ** 32);
}
