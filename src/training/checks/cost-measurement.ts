/** Measures on this machine, and between the processes of a job, what the cost model goes by. */
import { setTimeout } from 'node:timers/promises';
import { serialize } from 'node:v8';
import type { Config } from '../../config/schema.js';
import { captionBatch } from '../../data/batches.js';
import { precisionOf } from '../../engine/select.js';
import { bytesOf, roomForSharedMemory } from '../../engine/shared-memory.js';
import { askingInterval } from '../../mpi/requests.js';
import { layoutOf } from '../../tensor/layout.js';
import type { Command } from '../parallel/commands.js';
import type { Ranks } from '../parallel/ranks.js';
import { shardsWithin } from '../parallel/sharding.js';
import { type BenchmarkOptions, type BenchmarkResult, benchmark, median } from './benchmark.js';
import { command, lineAt, type Network, type StepCosts, transferTime } from './cost-model.js';
import { lineThrough } from './fitting.js';

export interface CostOptions extends Omit<BenchmarkOptions, 'workers' | 'ranks'> {
  /** Of each process. */
  readonly workers: number;
  /** The processes between which messages are timed; none where there is one. */
  readonly ranks: Ranks | undefined;
}

export interface MeasuredCosts {
  readonly costs: StepCosts;
  /** Captions of the shards that were measured. */
  readonly shardRows: readonly number[];
  /** Between the processes of the job; null where there is one. */
  readonly network: Network | null;
  /** This process by itself. */
  readonly alone: BenchmarkResult;
  /** All processes of the job; null where there is one. */
  readonly together: BenchmarkResult | null;
}

/** Of the minibatch, what is left to measure smaller shards with. */
const part = 4;
/** Times the shards, to see what each of them adds to the update, and how long the smallest take. */
const manyShards = 16;

/**
 * Trains some steps with shards of three sizes in this process by itself, then with all processes of the job.
 *
 * @throws UserError for anything in config or data that does not fit
 */
export async function measureCosts(config: Config, { ranks, ...options }: CostOptions): Promise<MeasuredCosts> {
  const measure = (some: Partial<Config['train']>, among?: Ranks) =>
    benchmark({ ...config, train: { ...config.train, ...some } }, { ...options, ranks: among });
  const alone = await measure({});
  const { shards } = alone.trainer;
  const batchSize = Math.ceil(config.train.batchSize / part);
  const small = { batchSize, accumulate: 1 };
  const fewer = await measure({ ...small, shards });
  const most = Math.max(shards, Math.min(batchSize, manyShards * shards));
  const more = await measure({ ...small, shards: shardsWithin(roomForSharedMemory(), most, alone.sharedBytes) });
  const parameters = layoutOf(alone.trainer.model.spec.parameters).trainedLength;
  const messages = ranks ? await measureMessages(ranks, parameters, options) : null;
  const together = ranks ? await measure({}, ranks) : null;
  const notice = messages?.notice ?? 2 * askingInterval;
  const costs = { ...costsOf(config, { alone, fewer, more }, parameters), notice };
  const shardRows = [alone, fewer, more].map(({ shard }) => shard.rows);
  return { costs, shardRows, network: messages?.network ?? null, alone, together };
}

interface Runs {
  readonly alone: BenchmarkResult;
  readonly fewer: BenchmarkResult;
  readonly more: BenchmarkResult;
}

function costsOf({ train }: Config, { alone, fewer, more }: Runs, parameters: number): Omit<StepCosts, 'notice'> {
  const { engine, shards, workers } = alone.trainer;
  const shard = lineThrough(
    [alone, fewer, more].map(({ shard: { rows, milliseconds } }) => ({ count: rows, milliseconds })),
  );
  const update = lineThrough(
    // Where minibatches are accumulated, the update adds no shards up.
    [...(train.accumulate === 1 ? [alone] : []), fewer, more].map(({ trainer, phases }) => ({
      count: trainer.shards,
      milliseconds: phases.update / parameters,
    })),
  );
  const computed = train.accumulate * Math.ceil(shards / workers) * lineAt(shard, alone.shard.rows);
  const rest = alone.stepMs.median - computed - parameters * lineAt(update, shards);
  return {
    shard,
    update,
    rest: Math.max(0, rest),
    parameters,
    numberBytes: bytesOf(precisionOf(engine.choice)),
    captionBytes: captionBytes(alone),
  };
}

/** Of a caption in the command to compute its gradient. */
function captionBytes({ trainer: { dataset } }: BenchmarkResult): number {
  const rows = Int32Array.from({ length: Math.min(100, dataset.train.count) }, (_, row) => row);
  const batch = captionBatch(dataset.train, rows);
  const gradients: Command = { kind: 'gradients', batch, address: { seed: 0, step: 1 } };
  return serialize(gradients).length / rows.length;
}

/** Numbers of small messages. */
const counts = [1, 2 ** 8, 2 ** 12, 2 ** 16] as const;
/** Numbers of all messages that a process sends at once. */
const mostNumbers = 2 ** 24;
const echoes = 9;
/** Longer than processes that wait ask all the time. */
const pause = 5;

/** @param parameters of which each process sends its range to all others */
async function measureMessages(
  ranks: Ranks,
  parameters: number,
  { preparing }: Pick<BenchmarkOptions, 'preparing'>,
): Promise<{ network: Network; notice: number }> {
  preparing?.('timing messages between the ranks');
  const largest = Math.ceil(Math.min(parameters, mostNumbers) / ranks.size);
  const timed = await ranks.probe([...counts.filter((count) => count < largest), largest]);
  const { fixed, each } = lineThrough(
    timed.map(({ bytes, milliseconds }) => ({ count: bytes, milliseconds: milliseconds / (ranks.size - 1) })),
  );
  const network = { latency: fixed, bandwidth: 1 / each };
  const noticed: number[] = [];
  for (let echo = 0; echo < echoes; echo++) {
    await setTimeout(pause);
    const start = performance.now();
    await ranks.probe();
    noticed.push(performance.now() - start);
  }
  const notice = median(noticed) - transferTime(command(ranks.size, 0), network);
  return { network, notice: Math.max(0, notice) };
}
