import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captionLengths, elementRanges, shardRows } from '../../src/training/sharding.js';

const minibatch = fc.record({
  lengths: fc.array(fc.integer({ min: 0, max: 16 }), { minLength: 1, maxLength: 120 }),
  shards: fc.integer({ min: 1, max: 9 }),
});

describe('the shards of a minibatch', () => {
  it('hold every row once, and differ by at most one row and one caption’s length', () => {
    fc.assert(
      fc.property(minibatch, ({ lengths, shards }) => {
        const rows = Int32Array.from(lengths.keys());
        const dealt = shardRows(rows, Int32Array.from(lengths), shards);
        expect(dealt.flat().sort((a, b) => a - b)).toEqual([...rows]);
        const sizes = dealt.map((some) => some.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        const work = dealt.map((some) => some.reduce((sum, row) => sum + lengths[row]!, 0));
        expect(Math.max(...work) - Math.min(...work)).toBeLessThanOrEqual(Math.max(...lengths));
      }),
    );
  });

  it('keep a row drawn twice twice', () => {
    const dealt = shardRows(Int32Array.of(3, 3, 5), Int32Array.of(0, 0, 0, 9, 0, 4), 2);
    expect(dealt).toEqual([[3], [3, 5]]);
  });

  it('measure a caption to its last word, whatever stands inside', () => {
    const captions = Int32Array.of(1, 4, 2, 0, 0, /* */ 1, 0, 4, 2, 0, /* */ 0, 0, 0, 0, 0);
    expect([...captionLengths(captions, 5)]).toEqual([2, 3, 0]);
  });
});

describe('the ranges of an update', () => {
  it('cover every element once, in whole cache lines', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 9 }), (lines, parts) => {
        const ranges = elementRanges(16 * lines, parts);
        expect(ranges[0]!.from).toBe(0);
        expect(ranges.at(-1)!.to).toBe(16 * lines);
        ranges.forEach(({ from, to }, i) => {
          expect([from % 16, to % 16]).toEqual([0, 0]);
          expect(to).toBeGreaterThanOrEqual(from);
          if (i > 0) expect(from).toBe(ranges[i - 1]!.to);
        });
      }),
    );
  });
});
