/**
 * The data-parallel step: a minibatch is dealt to shards, workers compute each shard's gradient sum, the sums are added
 * in shard order, divided once by the captions of the whole minibatch, and Adam updates the parameters in place.
 */
import type { Dataset, SplitName } from '../data/dataset.js';
import type { AdamStep, SharedMemory } from '../engine/engine.js';
import { arenaBytes, type EngineChoice, precisionOf, prepareProcess, reservedBytes } from '../engine/select.js';
import { allocateSharedMemory } from '../engine/shared-memory.js';
import { TrainingError } from '../errors.js';
import { type ModelShape, parameterLayout } from '../model/parameters.js';
import { captionLengths, elementRanges, shardRows } from './sharding.js';
import type { SharedSplit, TaskResult, WorkerSetup } from './tasks.js';
import { workerFile } from './worker-files.js';
import { WorkerPool } from './worker-pool.js';

export interface CoordinatorOptions {
  readonly engine: EngineChoice;
  readonly shape: ModelShape;
  readonly dataset: Dataset;
  readonly batchSize: number;
  readonly workers: number;
  /** Parts of every minibatch; together with seed and engine this fixes the bits of the result. */
  readonly shards: number;
  readonly taskSeconds: number;
  readonly onFault: (message: string) => void;
  /** The entry file of the workers; tests hand in one that fails on purpose. */
  readonly file?: string;
}

export interface GradientSums {
  /** Summed over the minibatch, not divided. */
  readonly loss: number;
  /** Largest magnitude of any shard's gradient sum; NaN or Infinity if one is in it. */
  readonly largestGradient: number;
  /** Milliseconds of work in each shard. */
  readonly shardMilliseconds: readonly number[];
  /** Milliseconds from the first task to the last answer. */
  readonly milliseconds: number;
}

/** An update that could not be finished: some parameters are updated, others not. */
export class UnfinishedUpdateError extends TrainingError {}

export class Coordinator {
  readonly memory: SharedMemory;
  readonly lengths: Readonly<Record<SplitName, Int32Array>>;
  /** Told of every failure of a worker that was mended. */
  onFault: (message: string) => void;
  private readonly setup: WorkerSetup;
  private readonly pool: WorkerPool;
  private readonly ranges: readonly { readonly from: number; readonly to: number }[];

  /** Allocates the shared memory, parameters all zero, and starts the workers. */
  constructor(readonly options: CoordinatorOptions) {
    const { engine, shape, dataset, workers, shards } = options;
    prepareProcess(engine);
    this.onFault = options.onFault;
    const rowsPerShard = Math.ceil(options.batchSize / shards);
    const layout = parameterLayout(shape);
    this.memory = allocateSharedMemory(
      layout,
      precisionOf(engine),
      shards,
      arenaBytes(engine, shape, rowsPerShard),
      reservedBytes(engine),
      workers,
    );
    this.ranges = elementRanges(layout.length, workers);
    const splits = { train: sharedSplit(dataset, 'train'), val: sharedSplit(dataset, 'val') };
    this.lengths = {
      train: captionLengths(splits.train.captions, splits.train.columns),
      val: captionLengths(splits.val.captions, splits.val.columns),
    };
    this.setup = {
      engine,
      shape,
      memory: this.memory,
      splits,
      rowsPerShard,
      progress: new Int32Array(new SharedArrayBuffer(workers * 4)),
      disposed: new Int32Array(new SharedArrayBuffer(4)),
    };
    this.pool = new WorkerPool({
      workers,
      taskSeconds: options.taskSeconds,
      file: options.file ?? workerFile('shard'),
      setup: this.setup,
      onFault: (message) => this.onFault(message),
    });
  }

  /** Loss and gradient sums of training captions `rows`; the gradients are left in the shards' slots. */
  async gradients(rows: Int32Array): Promise<GradientSums> {
    const start = performance.now();
    const results = await Promise.all(
      this.shards('train', rows).map((some, shard) => this.pool.run({ kind: 'gradients', shard, rows: some })),
    );
    return {
      loss: sumOf(results),
      largestGradient: results.reduce((largest, { largestGradient: next }) => maximum(largest, next), 0),
      shardMilliseconds: results.map(({ milliseconds }) => milliseconds),
      milliseconds: performance.now() - start,
    };
  }

  /** Adds the slots in shard order and applies Adam, in parallel over ranges of parameters. */
  async update(adam: AdamStep): Promise<void> {
    this.setup.progress.fill(0);
    try {
      await Promise.all(
        this.ranges.map(({ from, to }, range) => this.pool.run({ kind: 'update', range, from, to, adam })),
      );
    } catch (error) {
      throw new UnfinishedUpdateError((error as Error).message);
    }
  }

  /** The summed loss of captions `rows`, at most a minibatch of them. */
  async loss(split: SplitName, rows: Int32Array): Promise<number> {
    const shards = this.shards(split, rows);
    return sumOf(
      await Promise.all(shards.map((some, shard) => this.pool.run({ kind: 'loss', split, shard, rows: some }))),
    );
  }

  /**
   * Greedy captions of feature rows `images`, in their order.
   *
   * @returns word ids, ending in `<END>` unless cut at the longest length of a training caption
   */
  async captions(split: SplitName, images: readonly number[]): Promise<readonly (readonly number[])[]> {
    const { shards } = this.options;
    const longest = this.options.shape.steps;
    const results = await Promise.all(
      Array.from({ length: shards }, (_, shard) => {
        const some = images.filter((_, i) => i % shards === shard);
        return this.pool.run({ kind: 'captions', split, shard, images: some, longest });
      }),
    );
    return images.map((_, i) => results[i % shards]!.captions[Math.floor(i / shards)]!);
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private shards(split: SplitName, rows: Int32Array): number[][] {
    return shardRows(rows, this.lengths[split], this.options.shards);
  }
}

function sharedSplit(dataset: Dataset, name: SplitName): SharedSplit {
  const { captions, columns, imageIdxs, features } = dataset[name];
  return { captions, columns, imageIdxs, features: features.data };
}

/** In shard order, so that the sum has the same bits whichever worker answers first. */
function sumOf(results: readonly TaskResult[]): number {
  return results.reduce((sum, { loss }) => sum + loss, 0);
}

/** The larger of two magnitudes; NaN wins. */
function maximum(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b);
}
