import { describe, expect, it } from 'vitest';
import { generator, normals, permutation, uniformInts } from '../../src/data/random.js';

describe('Random numbers', () => {
  it('are the same for the same seed and stream, and others for any other', () => {
    expect(normals(231, 'Wx', 5)).toEqual(normals(231, 'Wx', 5));
    const [first] = normals(231, 'Wx', 1);
    for (const [seed, stream] of [
      [232, 'Wx'],
      [-231, 'Wx'],
      [231 + 2 ** 32, 'Wx'],
      [231, 'Wh'],
    ] as const) {
      expect(normals(seed, stream, 1)[0]).not.toBe(first);
    }
  });

  it('start the same however many are drawn', () => {
    expect(normals(1, 'a', 101).slice(0, 4)).toEqual(normals(1, 'a', 4));
  });

  it('are standard normal', () => {
    const values = normals(231, 'test', 200_000);
    const moment = (power: number) => values.reduce((sum, x) => sum + x ** power, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.01);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.015);
    expect(Math.abs(moment(3))).toBeLessThan(0.03);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.08);
  });

  it('permute with every order as likely', () => {
    const random = generator(231, 'orders');
    const seen = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = permutation(random, 4).join();
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(24);
    for (const times of seen.values()) expect(Math.abs(times - 500)).toBeLessThan(110);
  });

  it('are integers below the bound, each reached', () => {
    expect(new Set(uniformInts(generator(1, 'dice'), 6, 1000))).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  });
});
