/** Draws images again and again with replacement. */
import { generator, uniformInts } from '../data/random.js';
import type { ScoringThreads } from './scoring-threads.js';

export interface Resampling {
  /** (columns, images), on a SharedArrayBuffer. */
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
  const times = new Float64Array(images);
  const sums = new Float64Array((to - from) * columns);
  for (let number = from; number < to; number++) {
    times.fill(0);
    for (const image of uniformInts(generator(seed, 'bootstrap', number), images, images)) times[image]!++;
    sums.set(weightedSums(statistics, columns, times), (number - from) * columns);
  }
  return sums;
}

/** (columns) sums over images, each so many times, in the order of images. */
export function weightedSums(statistics: Float64Array, columns: number, times: Float64Array): Float64Array {
  return Float64Array.from({ length: columns }, (_, column) => {
    const ofImages = statistics.subarray(column * times.length, (column + 1) * times.length);
    let sum = 0;
    for (let image = 0; image < times.length; image++) sum += times[image]! * ofImages[image]!;
    return sum;
  });
}
