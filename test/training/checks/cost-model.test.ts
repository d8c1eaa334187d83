import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allGather,
  allToAll,
  bandwidthFor,
  batchFor,
  broadcast,
  command,
  efficiency,
  type Job,
  type Network,
  type StepCosts,
  stepTime,
  trafficOf,
  transferTime,
} from '../../../src/training/checks/cost-model.js';
import { lineThrough } from '../../../src/training/checks/fitting.js';

const costs: StepCosts = {
  shard: { fixed: 1, each: 0.5 },
  update: { fixed: 2e-6, each: 1e-6 },
  rest: 3,
  notice: 2,
  parameters: 1_000_000,
  numberBytes: 4,
  captionBytes: 100,
};
/** 1 µs and 1 GB/s. */
const network: Network = { latency: 0.001, bandwidth: 1e6 };
const job: Job = {
  batchSize: 64,
  accumulate: 1,
  workers: 1,
  reduction: 'ordered',
  clips: false,
  shards: (ranks) => ranks,
};

describe('What messages cost', () => {
  it('is their latency and their bytes by the bandwidth', () => {
    expect(transferTime({ messages: 3, bytes: 5e6 }, network)).toBeCloseTo(5.003, 12);
  });

  it('follows from the algorithm of each operation', () => {
    expect(broadcast(4, 10)).toEqual({ messages: 3, bytes: 30 });
    expect(broadcast(5, 10)).toEqual({ messages: 3, bytes: 30 });
    expect(broadcast(256, 10)).toEqual({ messages: 8, bytes: 80 });
    expect(allToAll(4, 10)).toEqual({ messages: 3, bytes: 30 });
    expect(allGather(4, 100)).toEqual({ messages: 3, bytes: 75 });
    // Two rounds of all bytes, and three parts from the root.
  });
});

describe('A predicted step', () => {
  it('is what it comes to by hand on 4 ranks', () => {
    // Each rank computes 16 captions, updates a quarter of the parameters, for which 4 gradients are added up, receives
    // its range of 3 other gradients of 4 MB, and the 3 MB of the parameters that it has not updated.
    const commands = [command(4, 256 + 6400), command(4, 256)];
    const messages = commands[0]!.messages + commands[1]!.messages + 3 + 3;
    const bytes = commands[0]!.bytes + commands[1]!.bytes + 3e6 + 3e6;
    expect(trafficOf(costs, job, 4)).toEqual({ messages, bytes });
    expect([messages, bytes]).toEqual([30, 3 * (4 + 6656 + 256 + 4 + 256 + 256) + 6e6]);
    const time = stepTime(costs, job, network, 4);
    expect(time.compute).toBeCloseTo(1 + 0.5 * 16, 12);
    expect(time.update).toBeCloseTo(0.25 * (2 + 4), 12);
    expect(time.communication).toBeCloseTo(2 + 0.03 + bytes / 1e6, 12);
    expect(time.total).toBeCloseTo(9 + 1.5 + time.communication + 3, 12);
  });

  it('adds up the gradients of fast before the update, its own shards and then those of the ranks', () => {
    const shards = () => 8;
    const { update, traffic } = stepTime(costs, { ...job, reduction: 'fast', shards }, network, 4);
    // Two shards of a rank, and four ranks for a quarter of the parameters, 1 ms each; then one gradient for that quarter.
    expect(update).toBeCloseTo(2 + 1 + 0.25 * (2 + 1), 12);
    const commands = command(4, 6656).bytes + command(4, 256).bytes;
    expect(traffic.bytes).toBeCloseTo(commands + 3e6 + 3e6, 6);
  });

  it('of one rank is what it computes, without any message', () => {
    for (const reduction of ['ordered', 'fast'] as const) {
      const { traffic, communication, total } = stepTime(costs, { ...job, reduction }, network, 1);
      expect({ traffic, communication }).toEqual({ traffic: { messages: 0, bytes: 0 }, communication: 0 });
      expect(total).toBeCloseTo(1 + 0.5 * 64 + 3 + 3, 12);
    }
  });

  it('has a rank’s workers take its shards in turns', () => {
    const shards = () => 12;
    // Three shards of a rank on two workers: one of them has two.
    expect(stepTime(costs, { ...job, workers: 2, shards }, network, 4).compute).toBeCloseTo(2 * (1 + 0.5 * (64 / 12)));
  });

  it('exchanges the gradient of every minibatch of a step, and once more commands where it is clipped', () => {
    const several = trafficOf(costs, { ...job, accumulate: 3 }, 2);
    const clipped = trafficOf(costs, { ...job, clips: true }, 2);
    expect(several.bytes - trafficOf(costs, job, 2).bytes).toBeCloseTo(
      2 * (2e6 + command(2, 6656).bytes + command(2, 256).bytes),
    );
    expect(clipped.bytes - trafficOf(costs, job, 2).bytes).toBeCloseTo(command(2, 256).bytes);
  });
});

const jobs = fc.record({
  ranks: fc.integer({ min: 2, max: 256 }),
  batchSize: fc.integer({ min: 1, max: 4096 }),
  workers: fc.integer({ min: 1, max: 16 }),
  accumulate: fc.integer({ min: 1, max: 4 }),
  clips: fc.boolean(),
  reduction: fc.constantFrom('ordered' as const, 'fast' as const),
});

describe('On any cluster', () => {
  it('a step takes no less time with more latency or less bandwidth', () => {
    fc.assert(
      fc.property(jobs, fc.double({ min: 1, max: 1000, noNaN: true }), ({ ranks, workers, ...some }, factor) => {
        const any: Job = { ...some, workers, shards: (count) => count * workers };
        const { total } = stepTime(costs, any, network, ranks);
        const slower = [
          { ...network, latency: network.latency * factor },
          { ...network, bandwidth: network.bandwidth / factor },
        ];
        for (const each of slower) expect(stepTime(costs, any, each, ranks).total).toBeGreaterThanOrEqual(total);
      }),
    );
  });

  it('ordered sends as much as fast for each shard of a rank', () => {
    fc.assert(
      fc.property(jobs, ({ ranks, ...some }) => {
        const shards = (count: number) => 3 * count;
        const [ordered, fast] = (['ordered', 'fast'] as const).map((reduction) =>
          trafficOf(costs, { ...some, reduction, shards }, ranks),
        );
        const once = allToAll(ranks, (costs.parameters * costs.numberBytes) / ranks);
        expect(ordered!.messages - fast!.messages).toBe(2 * some.accumulate * once.messages);
        expect(ordered!.bytes - fast!.bytes).toBeCloseTo(2 * some.accumulate * once.bytes, 3);
      }),
    );
  });

  it('an efficiency is reached by the minibatch, and by the bandwidth, that are said to be just enough', () => {
    fc.assert(
      fc.property(jobs, ({ ranks, workers, ...some }) => {
        const any: Job = { ...some, workers, shards: (count) => count * workers };
        const batchSize = batchFor(0.8, costs, any, network, ranks);
        if (batchSize !== null) {
          expect(efficiency(costs, { ...any, batchSize }, network, ranks)).toBeGreaterThanOrEqual(0.8);
          const fewer = efficiency(costs, { ...any, batchSize: batchSize - 1 }, network, ranks);
          if (batchSize > 1) expect(fewer).toBeLessThan(0.8);
        }
        const bandwidth = bandwidthFor(0.8, costs, any, network, ranks);
        const reached = efficiency(costs, any, { ...network, bandwidth: bandwidth ?? 1e12 }, ranks);
        if (bandwidth === null) expect(reached).toBeLessThan(0.8);
        else expect(reached).toBeCloseTo(0.8, 9);
      }),
    );
  });
});

describe('A line through times', () => {
  it('is the one that they lie on', () => {
    const positive = fc.double({ min: 1e-6, max: 1000, noNaN: true });
    fc.assert(
      fc.property(positive, positive, (fixed, each) => {
        const points = [1, 100, 10_000].map((count) => ({ count, milliseconds: fixed + each * count }));
        const line = lineThrough(points);
        for (const { count, milliseconds } of points) {
          expect((line.fixed + line.each * count) / milliseconds).toBeCloseTo(1, 6);
        }
      }),
    );
  });

  it('goes by relative errors, so that large counts do not drown small ones', () => {
    const { fixed, each } = lineThrough([
      { count: 0, milliseconds: 1 },
      { count: 1, milliseconds: 2 },
      { count: 1000, milliseconds: 1500 },
    ]);
    expect(fixed).toBeGreaterThan(0.5);
    expect(fixed + 1000 * each).toBeLessThan(1500);
  });

  it('has no negative cost, and of one count no cost but a fixed one', () => {
    expect(
      lineThrough([
        { count: 1, milliseconds: 5 },
        { count: 10, milliseconds: 2 },
      ]).each,
    ).toBe(0);
    expect(
      lineThrough([
        { count: 1, milliseconds: 1 },
        { count: 10, milliseconds: 20 },
      ]).fixed,
    ).toBe(0);
    expect(
      lineThrough([
        { count: 4, milliseconds: 2 },
        { count: 4, milliseconds: 2 },
      ]),
    ).toEqual({ fixed: 2, each: 0 });
  });
});
