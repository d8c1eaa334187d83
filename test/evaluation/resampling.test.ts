import { describe, expect, it } from 'vitest';
import { resample, resampledSums, weightedSums } from '../../src/evaluation/resampling.js';
import { ScoringThreads } from '../../src/evaluation/scoring-threads.js';

describe('resampling', () => {
  it('gives the same sums on several threads as on one', async () => {
    const statistics = new Float64Array(new SharedArrayBuffer(8 * 2 * 2000)).map((_, i) => Math.sin(i));
    const shared = new Float64Array(new SharedArrayBuffer(8 * statistics.length));
    shared.set(statistics);
    const resampling = { statistics: shared, columns: 2, seed: 5, from: 0, to: 100 };
    const threads = new ScoringThreads(3);
    expect(await resample(resampling, threads)).toEqual(resampledSums(resampling));
    await threads.close();
  });

  it('draws as many images as there are, each as likely', () => {
    const statistics = Float64Array.from({ length: 40 }, (_, i) => Number(i < 10) || i / 1000);
    const to = 2000;
    const ones = resampledSums({ statistics: new Float64Array(10).fill(1), columns: 1, seed: 1, from: 0, to });
    expect(new Set(ones)).toEqual(new Set([10]));
    const sums = resampledSums({ statistics, columns: 4, seed: 1, from: 0, to });
    const exact = weightedSums(statistics, 4, new Float64Array(10).fill(1));
    for (let column = 0; column < 4; column++) {
      const mean = sums.filter((_, i) => i % 4 === column).reduce((sum, value) => sum + value, 0) / to;
      expect(Math.abs(mean / exact[column]! - 1)).toBeLessThan(0.02);
    }
  });
});
