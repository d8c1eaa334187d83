/**
 * Seeded random numbers. Every use names its own stream, and a stream is a pure function of the seed and that name, so
 * that nothing of a generator's state needs to be stored to go on exactly where a run stopped.
 */
import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** The generator of one stream, e.g. `generator(231, 'shuffle', epoch)`. */
export function generator(seed: number, ...stream: readonly (string | number)[]): RandomGenerator {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...stream]))
    .digest();
  return xoroshiro128plusFromState([0, 4, 8, 12].map((at) => digest.readInt32LE(at)));
}

/** From 0 to 1, which it never is. */
export function uniform(random: RandomGenerator): number {
  return uniformFloat64(random);
}

/** `count` integers from 0 to `below` - 1, each as likely. */
export function uniformInts(random: RandomGenerator, below: number, count: number): Int32Array {
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) values[i] = uniformInt(random, 0, below - 1);
  return values;
}

/** 0 to `count` - 1 in an order each as likely (Fisher and Yates). */
export function permutation(random: RandomGenerator, count: number): Int32Array {
  const order = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const j = uniformInt(random, 0, i);
    order[i] = order[j]!;
    order[j] = i;
  }
  return order;
}

/** Independent standard normal numbers (Marsaglia's polar method). */
export function normals(seed: number, stream: string | number, count: number): Float64Array {
  const random = generator(seed, 'normals', stream);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i += 2) {
    let x = 0;
    let y = 0;
    let square = 0;
    do {
      x = 2 * uniformFloat64(random) - 1;
      y = 2 * uniformFloat64(random) - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    values[i] = x * scale;
    if (i + 1 < count) values[i + 1] = y * scale;
  }
  return values;
}
