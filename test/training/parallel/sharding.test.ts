import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captionLengths } from '../../../src/data/batches.js';
import { updateChunk } from '../../../src/engine/shared-memory.js';
import { chunkRanges, dealRows, shardsFor, shardsWithin } from '../../../src/training/parallel/sharding.js';
import { tokensOf } from '../../support/shard.js';

const minibatch = fc.record({
  lengths: fc.array(fc.integer({ min: 0, max: 16 }), { minLength: 1, maxLength: 120 }),
  shards: fc.integer({ min: 1, max: 9 }),
});

describe('the shards of a minibatch', () => {
  it('are one a worker, as long as each has enough captions to be worth it', () => {
    expect([1, 2, 16, 64].map((workers) => shardsFor(workers, 100))).toEqual([1, 2, 12, 12]);
    expect(shardsFor(64, 5)).toBe(1);
  });

  it('are fewer where the memory has not the room for all, and never none', () => {
    const bytesOf = (shards: number) => 100 + 10 * shards;
    expect(shardsWithin(1000, 12, bytesOf)).toBe(12);
    expect(shardsWithin(165, 12, bytesOf)).toBe(6);
    expect(shardsWithin(5, 12, bytesOf)).toBe(1);
  });

  it('hold every row once, and differ by at most one row and one caption’s length', () => {
    fc.assert(
      fc.property(minibatch, ({ lengths, shards }) => {
        const dealt = dealRows(Int32Array.from(lengths), shards);
        expect(dealt.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
        const sizes = dealt.map((some) => some.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        const work = dealt.map((some) => some.reduce((sum, row) => sum + lengths[row]!, 0));
        expect(Math.max(...work) - Math.min(...work)).toBeLessThanOrEqual(Math.max(...lengths));
      }),
    );
  });

  it('are dealt longest caption first, there and back', () => {
    expect(dealRows(Int32Array.of(9, 9, 4, 7), 2)).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  it('measure a caption to its last word, whatever stands inside', () => {
    const captions = Int32Array.of(1, 4, 2, 0, 0, /* */ 1, 0, 4, 2, 0, /* */ 0, 0, 0, 0, 0);
    expect([...captionLengths(tokensOf(captions, 3, 5))]).toEqual([2, 3, 0]);
  });
});

describe('the ranges of an update', () => {
  it('cover every element once, in whole chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 9 }), (length, parts) => {
        const ranges = chunkRanges(length, parts);
        expect(ranges[0]!.from).toBe(0);
        expect(ranges.at(-1)!.to).toBe(length);
        ranges.forEach(({ from, to }, i) => {
          expect(from === length || from % updateChunk === 0).toBe(true);
          expect(to).toBeGreaterThanOrEqual(from);
          if (i > 0) expect(from).toBe(ranges[i - 1]!.to);
        });
      }),
    );
  });
});
