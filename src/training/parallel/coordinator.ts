/**
 * The data-parallel step: a minibatch is dealt to shards, workers compute each shard's gradient sum, the sums are added
 * in shard order, divided once by the captions of the whole minibatch, and the optimiser updates the parameters in place.
 */
import { type Batch, captionLengths } from '../../data/batches.js';
import type { Dataset, SplitName } from '../../data/dataset.js';
import type { GradientSource, ParameterValues, SharedMemory } from '../../engine/engine.js';
import { type EngineChoice, prepareProcess } from '../../engine/select.js';
import { allocateSharedMemory, updateChunk } from '../../engine/shared-memory.js';
import { TrainingError } from '../../errors.js';
import { loadableModule, workerFile } from '../../files/worker-files.js';
import { type DecodedCaption, type Decoding, hypothesesOf } from '../../model/decoding/decoding.js';
import type { Draws } from '../../tensor/draws.js';
import type { UpdateRule, UpdateStep } from '../../tensor/update-rules.js';
import type { UpdatePass } from './journaled-update.js';
import { memoryPlan } from './memory-plan.js';
import type { Model } from './model.js';
import { chunkRanges, dealRows } from './sharding.js';
import { allocateBatch, writeBatch } from './shared-batch.js';
import type { ModelSetup, TaskResult, WorkerSetup } from './tasks.js';
import { WorkerPool } from './worker-pool.js';

export interface CoordinatorOptions {
  readonly engine: EngineChoice;
  readonly model: Model;
  readonly dataset: Pick<Dataset, SplitName>;
  /** Models of the same vocabulary whose probabilities are averaged with this one's where images are captioned. */
  readonly ensemble?: readonly Model[];
  /** Null where nothing is trained, and images are captioned alone. */
  readonly updates: UpdateArrays | null;
  readonly batchSize: number;
  readonly workers: number;
  /** Parts of every minibatch; together with seed and engine this fixes the bits of the result. */
  readonly shards: number;
  readonly taskSeconds: number;
  readonly onFault: (message: string) => void;
  /** The entry file of the workers; tests hand in one that fails on purpose. */
  readonly file?: string | undefined;
}

/** What training keeps beside the parameters. */
export interface UpdateArrays {
  readonly rule: UpdateRule;
  /** Names of the parameters that weight decay applies to. */
  readonly decayed: readonly string[];
  /** Whether a moving average of the parameters is kept. */
  readonly averages: boolean;
  /** Whether a step has several micro-steps. */
  readonly accumulates: boolean;
}

/** Euclidean norms of all trained parameters together. */
export interface UpdateNorms {
  /** Of the gradient sum, not divided by anything. */
  readonly gradientSum: number;
  /** After the update. */
  readonly parameters: number;
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
  /** The parameters of each model of the ensemble. */
  readonly ensemble: readonly SharedMemory[];
  /** Told of every failure of a worker that was mended. */
  onFault: (message: string) => void;
  private readonly setup: WorkerSetup;
  private readonly pool: WorkerPool;
  private readonly ranges: readonly { readonly from: number; readonly to: number }[];

  /** Allocates the shared memory, parameters all zero, and starts the workers. */
  constructor(readonly options: CoordinatorOptions) {
    const { engine, model, dataset, workers, shards, updates, batchSize, ensemble = [] } = options;
    prepareProcess(engine);
    this.onFault = options.onFault;
    const rowsPerShard = Math.ceil(batchSize / shards);
    const plan = memoryPlan(options);
    const { layout } = plan;
    this.memory = allocateSharedMemory(plan);
    this.ranges = chunkRanges(layout.trainedLength, workers);
    this.ensemble = ensemble.map((other) =>
      allocateSharedMemory(memoryPlan({ ...options, model: other, updates: null, workers: 0 })),
    );
    const chunks = Math.ceil(layout.trainedLength / updateChunk);
    const squares = () => new Float64Array(new SharedArrayBuffer(chunks * 8));
    this.setup = {
      engine,
      ...setupOf(model, this.memory),
      ensemble: ensemble.map((other, i) => setupOf(other, this.ensemble[i]!)),
      inputs: { train: dataset.train.inputs, val: dataset.val.inputs },
      batch: allocateBatch(batchSize, model.spec.dimensions.steps),
      rowsPerShard,
      progress: new Int32Array(new SharedArrayBuffer(workers * 4)),
      squares: { gradient: squares(), parameters: squares() },
      decayed: updates?.decayed ?? [],
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

  /**
   * Loss and gradient sums of a minibatch; the gradients are left in the shards' slots.
   *
   * @param address of the random numbers that the model uses while it is trained
   */
  async gradients(batch: Batch, address: Omit<Draws, 'rows'>): Promise<GradientSums> {
    const start = performance.now();
    const { split, firstRow } = batch;
    const draws = { ...address, firstRow };
    const results = await Promise.all(
      this.deal(batch).map((rows, shard) => this.pool.run({ kind: 'gradients', shard, split, rows, draws })),
    );
    return {
      loss: sumOf(results),
      largestGradient: results.reduce((largest, { largestGradient: next }) => maximum(largest, next), 0),
      shardMilliseconds: results.map(({ milliseconds }) => milliseconds),
      milliseconds: performance.now() - start,
    };
  }

  /**
   * The batch with some of the words that its captions read drawn from the model as it is now (scheduled sampling).
   *
   * @param probability of each word but a caption's first to be drawn
   */
  async sampled(batch: Batch, address: Omit<Draws, 'rows'>, probability: number): Promise<Batch> {
    const { split, firstRow, tokens } = batch;
    const draws = { ...address, firstRow };
    const dealt = this.deal(batch);
    const results = await Promise.all(
      dealt.map((rows, shard) => this.pool.run({ kind: 'sample', shard, split, rows, draws, probability })),
    );
    const T = tokens.steps;
    const inputs = tokens.inputs.slice();
    dealt.forEach((rows, shard) => {
      rows.forEach((row, i) => {
        inputs.set(results[shard]!.read.subarray(i * T, (i + 1) * T), row * T);
      });
    });
    return { ...batch, tokens: { ...tokens, inputs } };
  }

  /** Keeps the gradient sum of a micro-step, on top of what earlier ones of the step left if `source` says so. */
  async accumulate(source: GradientSource): Promise<void> {
    await this.pass({ changes: 'accumulator', source });
  }

  /** The norm of the gradient sum, not divided by anything. */
  async gradientNorm(source: GradientSource): Promise<number> {
    await Promise.all(this.ranges.map(({ from, to }) => this.pool.run({ kind: 'measure', source, from, to })));
    return normOf(this.setup.squares.gradient);
  }

  /**
   * Adds up the gradient and applies the optimiser's rule, in parallel over ranges of parameters.
   *
   * @param averageKeep what of the moving average of the parameters is kept; null where there is none
   */
  async update(step: UpdateStep, source: GradientSource, averageKeep: number | null): Promise<UpdateNorms> {
    await this.pass({ changes: 'parameters', source, step, averageKeep });
    const { gradient, parameters } = this.setup.squares;
    return { gradientSum: normOf(gradient), parameters: normOf(parameters) };
  }

  private async pass(pass: UpdatePass): Promise<void> {
    this.setup.progress.fill(0);
    try {
      await Promise.all(
        this.ranges.map(({ from, to }, range) => this.pool.run({ kind: 'update', range, from, to, pass })),
      );
    } catch (error) {
      if (pass.changes === 'parameters') throw new UnfinishedUpdateError((error as Error).message);
      throw error;
    }
  }

  /** The summed loss of a minibatch. */
  async loss(batch: Batch, parameters: ParameterValues = 'live'): Promise<number> {
    const { split } = batch;
    return sumOf(
      await Promise.all(
        this.deal(batch).map((rows, shard) => this.pool.run({ kind: 'loss', shard, split, rows, parameters })),
      ),
    );
  }

  /**
   * Captions of images of a split, in their order, each no longer than a training caption may be.
   *
   * @param doing told whenever more images are done
   * @returns the captions of each image, as many as `decoding` asks for or the search found
   */
  async captions(
    split: SplitName,
    images: readonly number[],
    decoding: Decoding,
    parameters: ParameterValues = 'live',
    doing: (done: number, of: number) => void = () => {},
  ): Promise<readonly (readonly DecodedCaption[])[]> {
    const { shards } = this.options;
    const atOnce = Math.floor(this.setup.rowsPerShard / hypothesesOf(decoding));
    const size = Math.max(1, Math.min(atOnce, Math.ceil(images.length / shards)));
    const parts = Array.from({ length: Math.ceil(images.length / size) }, (_, part) =>
      images.slice(part * size, (part + 1) * size),
    );
    const found: (readonly (readonly DecodedCaption[])[])[] = [];
    let taken = 0;
    let done = 0;
    const captionParts = async (shard: number) => {
      while (taken < parts.length) {
        const part = taken++;
        const task = { kind: 'captions', split, shard, images: parts[part]!, decoding, parameters } as const;
        found[part] = (await this.pool.run(task)).captions;
        done += parts[part]!.length;
        doing(done, images.length);
      }
    };
    await Promise.all(Array.from({ length: shards }, (_, shard) => captionParts(shard)));
    return found.flat();
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  /** Makes the batch the one under way, and says which of its captions each shard has. */
  private deal(batch: Batch): number[][] {
    writeBatch(this.setup.batch, batch);
    return dealRows(captionLengths(batch.tokens), this.options.shards);
  }
}

function setupOf({ recipe, family }: Model, memory: SharedMemory): ModelSetup {
  return { model: recipe, familyUrl: loadableModule(family.url), memory };
}

/** In shard order, so that the sum has the same bits whichever worker answers first. */
function sumOf(results: readonly TaskResult[]): number {
  return results.reduce((sum, { loss }) => sum + loss, 0);
}

/** The square root of the sum, added in order, so that it has the same bits whoever computed which chunk. */
function normOf(squares: Float64Array): number {
  return Math.sqrt(squares.reduce((sum, each) => sum + each, 0));
}

/** The larger of two magnitudes; NaN wins. */
function maximum(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b);
}
