/** Which shards, parameters and processors each process of a run gets. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shardsOf } from '../../../src/training/parallel/exchange.js';
import { firstCrowd, workersOfRanks } from '../../../src/training/parallel/rank-workers.js';

describe('the shards of a process', () => {
  it('are all dealt, each once, in order, and as many to each as to any other or one fewer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 64 }), (size, shards) => {
        const dealt = Array.from({ length: size }, (_, rank) => shardsOf({ rank, size }, shards));
        expect(dealt.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual([
          ...Array(shards).keys(),
        ]);
        const counts = dealt.map(({ from, to }) => to - from);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('the workers of a process', () => {
  const on = (host: string, threads: number, processors: string) => ({ host, threads, processors });

  it('are the threads of its machine, shared with the processes that may use the same ones', () => {
    const ranks = [on('a', 7, '0-6'), on('a', 7, '0-6'), on('a', 7, '0-6'), on('b', 4, '0-3')];
    expect(workersOfRanks(ranks)).toEqual([3, 2, 2, 4]);
  });

  it('are all that a process is bound to, where each is bound to processors of its own', () => {
    expect(workersOfRanks([on('a', 2, '0-1'), on('a', 2, '2-3')])).toEqual([2, 2]);
  });

  it('are one at least', () => {
    expect(workersOfRanks([on('a', 1, '0'), on('a', 1, '0'), on('a', 1, '0')])).toEqual([1, 1, 1]);
  });

  it('crowd a machine where those that may use the same threads are more than these', () => {
    const apart = [on('a', 2, '0-1'), on('a', 2, '2-3'), on('b', 4, '0-3'), on('b', 4, '0-3')];
    expect(firstCrowd(apart, [2, 2, 2, 2])).toBe(null);
    expect(firstCrowd(apart, [2, 2, 3, 2])).toEqual({ host: 'b', threads: 4, workers: 5 });
  });
});
