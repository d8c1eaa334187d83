import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { fastestSettings, type Settings } from '../../../src/training/checks/fastest-settings.js';

/** Searches on a machine whose speed is a formula, and keeps what was tried. */
async function search(speed: (settings: Settings) => number, threads: number, first = 100, most = 1600) {
  const tried: Settings[] = [];
  const measure = async (settings: Settings) => {
    tried.push(settings);
    return speed(settings);
  };
  return { best: await fastestSettings(measure, { threads, batchSize: { first, most: () => most } }), tried };
}

describe('the fastest settings', () => {
  it('are all cores where each is worth its while, and a minibatch as large as still gains', async () => {
    const { best, tried } = await search(
      ({ workers, batchSize }) => Math.min(workers, 6) * (batchSize >= 400 ? 1.5 : batchSize / 400 + 0.5),
      6,
    );
    expect(best).toEqual({ workers: 6, shards: 6, batchSize: 400 });
    expect(tried.map(({ workers }) => workers).slice(0, 4)).toEqual([1, 2, 4, 6]);
    expect(tried.at(-1)!.batchSize).toBe(800);
  });

  it('are fewer workers where more gain nothing, and more shards where these gain', async () => {
    const { best } = await search(({ workers, shards }) => Math.min(workers, 4) + (shards > workers ? 1 : 0), 16);
    expect(best).toEqual({ workers: 4, shards: 8, batchSize: 100 });
  });

  it('leave shards enough captions, and a minibatch that the memory has no room for alone', async () => {
    const { best, tried } = await search(({ workers, shards, batchSize }) => {
      if (batchSize > 200) throw new UserError('more than the 4 GiB that one run can address');
      return workers * shards * batchSize;
    }, 64);
    expect(best).toEqual({ workers: 64, shards: 25, batchSize: 200 });
    for (const { shards, batchSize } of tried) expect(batchSize / shards).toBeGreaterThanOrEqual(8);
  });

  it('keep to the minibatch that is given', async () => {
    const { tried } = await search(({ batchSize }) => batchSize, 2, 50, 50);
    expect(new Set(tried.map(({ batchSize }) => batchSize))).toEqual(new Set([50]));
  });
});
