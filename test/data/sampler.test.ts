import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sampler, type SamplerConfig, stepsPerEpoch } from '../../src/data/sampler.js';

const config = (sampling: SamplerConfig['sampling'], seed = 231): SamplerConfig => ({
  count: 10,
  batchSize: 4,
  sampling,
  seed,
});

function epoch(sampler: Sampler, number: number): number[] {
  const steps = stepsPerEpoch(sampler.config);
  return Array.from({ length: steps }, (_, i) => [...sampler.minibatch((number - 1) * steps + i + 1).rows]).flat();
}

describe('The sampler', () => {
  it('goes through the captions in their order, the last minibatch of an epoch smaller', () => {
    const sampler = new Sampler(config('sequential'));
    expect(sampler.minibatch(1)).toEqual({ epoch: 1, rows: Int32Array.of(0, 1, 2, 3) });
    expect(sampler.minibatch(3)).toEqual({ epoch: 1, rows: Int32Array.of(8, 9) });
    expect(sampler.minibatch(4)).toEqual({ epoch: 2, rows: Int32Array.of(0, 1, 2, 3) });
  });

  it('shows every caption once an epoch when it shuffles, each epoch in another order', () => {
    const sampler = new Sampler(config('shuffle'));
    const [first, second] = [epoch(sampler, 1), epoch(sampler, 2)];
    expect(first.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(second.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(second).not.toEqual(first);
  });

  it('draws full minibatches with replacement, every caption about as often', () => {
    const sampler = new Sampler(config('withReplacement'));
    const seen = new Array(10).fill(0);
    for (let step = 1; step <= 2500; step++) {
      const { rows } = sampler.minibatch(step);
      expect(rows).toHaveLength(4);
      for (const row of rows) seen[row]++;
    }
    for (const times of seen) expect(Math.abs(times - 1000)).toBeLessThan(150);
    expect(sampler.minibatch(4).epoch).toBe(2);
  });

  it('draws something else from another seed', () => {
    for (const sampling of ['shuffle', 'withReplacement'] as const) {
      expect(epoch(new Sampler(config(sampling, 1)), 1)).not.toEqual(epoch(new Sampler(config(sampling, 2)), 1));
    }
  });

  it('gives the same rows for a step whatever was asked before', () => {
    const samplings = fc.constantFrom('shuffle', 'sequential', 'withReplacement') as fc.Arbitrary<
      SamplerConfig['sampling']
    >;
    const configs = fc.record({
      count: fc.integer({ min: 1, max: 50 }),
      batchSize: fc.integer({ min: 1, max: 60 }),
      sampling: samplings,
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(
        configs,
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }),
        (some, steps) => {
          const used = new Sampler(some);
          for (const step of steps) {
            const minibatch = used.minibatch(step);
            expect(minibatch).toEqual(new Sampler(some).minibatch(step));
            expect(minibatch.rows.every((row) => row >= 0 && row < some.count)).toBe(true);
            expect(minibatch.rows.length).toBeGreaterThan(0);
          }
        },
      ),
    );
  });
});
