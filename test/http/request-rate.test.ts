import { expect, it } from 'vitest';
import { RequestRate } from '../../src/http/request-rate.js';

it('lets each client ask so often in a minute, evenly once it has asked so often at once', () => {
  const rate = new RequestRate(6);
  const asked = Array.from({ length: 6 }, () => rate.take('a', 100));
  expect(asked).toEqual([0, 0, 0, 0, 0, 0]);
  expect(rate.take('a', 100)).toBeCloseTo(10);
  expect(rate.take('b', 100)).toBe(0);
  expect(rate.take('a', 105)).toBeCloseTo(5);
  expect(rate.take('a', 110.01)).toBe(0);
  expect(rate.take('a', 110.01)).toBeGreaterThan(9);
  // No more than a minute's worth is saved up.
  expect(Array.from({ length: 7 }, () => rate.take('a', 10_000)).filter((wait) => wait === 0)).toHaveLength(6);
});

it('forgets the client that has not asked for longest where there are too many', () => {
  const rate = new RequestRate(1);
  rate.take('first', 0);
  for (let i = 0; i < 9_999; i++) rate.take(`client ${i}`, 1);
  expect(rate.take('first', 1)).toBeGreaterThan(0);
  rate.take('one more', 1);
  expect(rate.take('client 0', 1)).toBe(0);
  expect(rate.take('first', 1)).toBeGreaterThan(0);
});
