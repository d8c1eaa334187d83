/** What the page makes of a run's numbers before they are drawn. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { smooth } from '../../src/board/browser/smoothing.js';
import { joined } from '../../src/board/browser/view.js';

const points = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.option(fc.integer({ min: -100, max: 100 }))), {
  maxLength: 60,
});

describe('a smoothed curve', () => {
  it('is the weighed mean of the values around, and has none where there is none', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 40 }), (steps, half) => {
        let place = 0;
        const x = steps.map(([step]) => {
          place += step;
          return place;
        });
        const y = steps.map(([, value]) => value);
        const wanted = y.map((value, i) => {
          if (value === null) return null;
          const weights = x.map((at, k) => (y[k] === null ? 0 : 2 ** (-Math.abs(at - x[i]!) / half)));
          const sum = weights.reduce((total, weight, k) => total + weight * (y[k] ?? 0), 0);
          return sum / weights.reduce((total, weight) => total + weight, 0);
        });
        smooth(x, y, half).forEach((value, i) => {
          if (value === null) expect(wanted[i]).toBeNull();
          else expect(value).toBeCloseTo(wanted[i]!, 8);
        });
        expect(smooth(x, y, 0)).toEqual(y);
      }),
      { seed: 231 },
    );
  });
});

describe('steps that come', () => {
  it('follow those that were there, also where one of them has a number that the other has not', () => {
    const before = { length: 2, values: { step: [1, 4], loss: [9, 5] }, means: { loss: [7, 7] } };
    const come = { length: 1, values: { step: [5], reward: [0.5] }, means: {} };
    expect(joined(before, come)).toEqual({
      length: 3,
      values: { step: [1, 4, 5], loss: [9, 5, null], reward: [null, null, 0.5] },
      means: { loss: [7, 7, null] },
    });
    const more = { length: 1, values: { step: [6], loss: [4] }, means: {} };
    expect(joined(before, more).means).toEqual({ loss: [7, 7, 4] });
  });
});
