/** Draws images again and again with replacement. */
import { generator, uniformInts } from '../data/random.js';
import type { ScoringThreads } from './scoring-threads.js';

export interface Resampling {
  /** (images, columns), on a SharedArrayBuffer. */
  readonly statistics: Float64Array;
  readonly columns: number;
  readonly seed: number;
  /** The resamples, each of which has random numbers of its own: from this one to before that. */
  readonly from: number;
  readonly to: number;
}

/** @returns (resamples, columns) sums over the images that each resample drew, the same for any number of threads */
export async function resample(
  { from, to, ...resampling }: Resampling,
  threads: Pick<ScoringThreads, 'run'>,
): Promise<Float64Array> {
  const parts = await threads.run('resampledSums', to - from, (first, end) => {
    return { ...resampling, from: from + first, to: from + end };
  });
  const sums = new Float64Array((to - from) * resampling.columns);
  let at = 0;
  for (const part of parts) {
    sums.set(part, at);
    at += part.length;
  }
  return sums;
}

export function resampledSums({ statistics, columns, seed, from, to }: Resampling): Float64Array {
  const images = statistics.length / columns;
  const times = new Uint32Array(images);
  const sums = new Float64Array((to - from) * columns);
  for (let number = from; number < to; number++) {
    times.fill(0);
    for (const image of uniformInts(generator(seed, 'bootstrap', number), images, images)) times[image]!++;
    sums.set(weightedSums(statistics, columns, times), (number - from) * columns);
  }
  return sums;
}

/** Sums of the columns over images, each so many times, in the order of images. */
export function weightedSums(statistics: Float64Array, columns: number, times: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(columns);
  for (let image = 0; image < times.length; image++) {
    const weight = times[image]!;
    if (weight === 0) continue;
    for (let column = 0; column < columns; column++) sums[column]! += weight * statistics[image * columns + column]!;
  }
  return sums;
}
