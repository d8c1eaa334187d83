import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rows } from '../../src/board/rows.js';
import { sampleRows } from '../../src/board/sampled-rows.js';

const values = fc.array(
  fc.oneof({ weight: 9, arbitrary: fc.float({ noNaN: true }) }, { weight: 1, arbitrary: fc.constant(Number.NaN) }),
  {
    maxLength: 300,
  },
);
const bound = fc.integer({ min: 3, max: 80 });
const found = (column: Iterable<number>) => [...column].filter((value) => !Number.isNaN(value));

describe('rows that are down-sampled', () => {
  it('are as many as wanted, and keep least, most and mean of every stretch within it, and the last row', () => {
    fc.assert(
      fc.property(values, bound, (column, most) => {
        const step = column.map((_, i) => i + 1);
        const columns = new Map([
          ['step', step],
          ['loss', column],
        ]);
        const sampled = sampleRows(columns, 0, column.length, most);
        const [steps, losses] = [sampled.values.get('step')!, sampled.values.get('loss')!];
        if (column.length <= most) {
          expect([...losses]).toEqual(column);
          return;
        }
        // Two rows a stretch and one.
        expect(sampled.length).toBe(most - ((most + 1) % 2));
        for (let at = 0; at < sampled.length - 1; at += 2) {
          // Stretches follow one another without a gap, and each has its own rows.
          expect(steps[at]).toBe(at === 0 ? 1 : steps[at - 1]! + 1);
          const own = found(column.slice(steps[at]! - 1, steps[at + 1]));
          const kept = found(losses.slice(at, at + 2));
          expect(kept.length > 0).toBe(own.length > 0);
          if (own.length === 0) continue;
          expect([Math.min(...kept), Math.max(...kept)]).toEqual([Math.min(...own), Math.max(...own)]);
          const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
          expect(sampled.means.get('loss')!.slice(at, at + 2)).toEqual(Float64Array.of(mean, mean));
        }
        expect(steps.at(-1)).toBe(column.length);
        expect(losses.at(-1)).toBe(column.at(-1));
        expect(sampled.means.get('loss')!.at(-1)).toBe(column.at(-1));
      }),
      { seed: 231 },
    );
  });

  it('stay within a bound however many come, and lose neither the least nor the most', () => {
    fc.assert(
      fc.property(values, bound, (column, half) => {
        const rows = new Rows(['step'], 2 * half);
        for (const [i, value] of column.entries()) rows.append(['step', 'loss'], [i, value]);
        expect(rows.length).toBeLessThanOrEqual(2 * half);
        const [steps, kept] = [Array.from(rows.column('step') ?? []), found(Array.from(rows.column('loss') ?? []))];
        expect(steps).toEqual(steps.toSorted((a, b) => a - b));
        const own = found(column);
        if (own.length > 0) {
          expect([Math.min(...kept), Math.max(...kept)]).toEqual([Math.min(...own), Math.max(...own)]);
        }
        for (const step of [0, 1, 7.5, column.length + 1]) {
          const wanted = steps.findIndex((each) => each >= step);
          expect(rows.firstFrom('step', step)).toBe(wanted < 0 ? steps.length : wanted);
        }
      }),
      { seed: 231 },
    );
  });
});
