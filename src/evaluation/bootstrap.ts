/** Confidence intervals by the bootstrap (Efron 1979): the percentiles of the scores of resampled sets of images. */
import { resample } from './resampling.js';
import type { ScoringThreads } from './scoring-threads.js';

export interface BootstrapOptions {
  /** How often as many images as there are are drawn; 0 for no intervals. */
  readonly resamples: number;
  readonly seed: number;
  /** Share of the resamples that lies within an interval. */
  readonly confidence: number;
}

export type Interval = readonly [low: number, high: number];

/**
 * @param statistics (columns, images) what the scores are functions of the sums of; on a SharedArrayBuffer
 * @param scoresOf the scores of a set by its sums (columns)
 * @returns of each score an interval
 */
export async function bootstrapIntervals(
  statistics: Float64Array,
  columns: number,
  scoresOf: (sums: Float64Array) => readonly number[],
  { resamples, seed, confidence }: BootstrapOptions,
  threads: ScoringThreads,
): Promise<Interval[]> {
  const sums = await resample({ statistics, columns, seed, from: 0, to: resamples }, threads);
  const scores = Array.from({ length: resamples }, (_, i) => scoresOf(sums.subarray(i * columns, (i + 1) * columns)));
  const tail = (1 - confidence) / 2;
  return scores[0]!.map((_, score) => {
    const sorted = Float64Array.from(scores, (each) => each[score]!).sort();
    return [percentile(sorted, tail), percentile(sorted, 1 - tail)];
  });
}

/** Between two neighbours, in proportion. */
function percentile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const next = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[next]! - sorted[below]!);
}
