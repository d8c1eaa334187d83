/** Draws images again and again with replacement, on several threads where there is much to draw. */

import { Worker } from 'node:worker_threads';
import { generator, uniformInts } from '../data/random.js';
import { usableThreads } from '../files/container-limits.js';
import { workerFile } from '../files/worker-files.js';

export interface Resampling {
  /** (images, columns), on a SharedArrayBuffer. */
  readonly statistics: Float64Array;
  readonly columns: number;
  readonly seed: number;
  /** The resamples, each of which has random numbers of its own: from this one to before that. */
  readonly from: number;
  readonly to: number;
}

/** Draws for which a thread is worth its start. */
const drawsOfThread = 2e6;

/** @returns (resamples, columns) sums over the images that each resample drew, the same for any number of threads */
export async function resample(resampling: Resampling): Promise<Float64Array> {
  const { statistics, columns, from, to } = resampling;
  const draws = ((to - from) * statistics.length) / columns;
  const threads = Math.min(usableThreads(), Math.floor(draws / drawsOfThread));
  if (threads < 2) return resampledSums(resampling);
  const bound = (part: number) => from + Math.floor(((to - from) * part) / threads);
  const parts = await Promise.all(
    Array.from({ length: threads }, (_, part) => onThread({ ...resampling, from: bound(part), to: bound(part + 1) })),
  );
  const sums = new Float64Array((to - from) * columns);
  let at = 0;
  for (const part of parts) {
    sums.set(part, at);
    at += part.length;
  }
  return sums;
}

function onThread(part: Resampling): Promise<Float64Array> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(workerFile('resample'), { workerData: part, execArgv: [] });
    thread.once('message', resolve);
    thread.once('error', reject);
  });
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
