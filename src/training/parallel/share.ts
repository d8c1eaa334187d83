/**
 * One process's share of a run: its shards of each minibatch, computed by its own workers, and its range of the
 * parameters, to which it adds up the gradient and applies the optimiser's rule.
 */
import { type Batch, captionLengths } from '../../data/batches.js';
import type { SplitName } from '../../data/dataset.js';
import type { GradientSource, SharedMemory } from '../../engine/engine.js';
import { prepareProcess } from '../../engine/select.js';
import { allocateSharedMemory, bytesOf, updateChunk } from '../../engine/shared-memory.js';
import { loadableModule, workerFile } from '../../files/worker-files.js';
import { hypothesesOf } from '../../model/decoding/decoding.js';
import type { NumberArray, Precision } from '../../tensor/matrix.js';
import { type Answer, type Command, failureOf } from './commands.js';
import { alone, Exchange, type Place, shardsOf } from './exchange.js';
import type { FoldedSums } from './fold.js';
import type { UpdatePass } from './journaled-update.js';
import { memoryPlan } from './memory-plan.js';
import type { Model } from './model.js';
import { nonFiniteParameters } from './non-finite-parameters.js';
import { chunkRanges, dealRows, type Range } from './sharding.js';
import type { ShareOptions, UpdateArrays } from './share-options.js';
import { allocateBatch, writeBatch } from './shared-batch.js';
import type { ModelSetup, Task, TaskResult, WorkerSetup } from './tasks.js';
import { WorkerPool } from './worker-pool.js';

/** Told whenever more of the images of a command are done, of so many. */
export type Doing = (done: number, of: number) => void;

export class Share {
  readonly memory: SharedMemory;
  /** The parameters of each model of the ensemble. */
  readonly ensemble: readonly SharedMemory[];
  private readonly setup: WorkerSetup;
  private readonly pool: WorkerPool;
  private readonly place: Place;
  private readonly exchange: Exchange | null;
  private readonly shards: Range;
  /** Of the parameters: the process's, and what each worker updates of it. */
  private readonly range: Range;
  private readonly ranges: readonly Range[];
  /** The slots hold what other processes have not got their ranges of. */
  private isUnshared = false;
  private faults: string[] = [];

  /** Allocates the shared memory, parameters all zero, and starts the workers. */
  constructor(private readonly options: ShareOptions) {
    const { engine, model, dataset, workers, updates, batchSize, ensemble = [], communicator } = options;
    prepareProcess(engine);
    this.place = communicator ?? alone;
    this.shards = shardsOf(this.place, options.shards);
    const plan = memoryPlan({
      ...options,
      ownShards: this.shards,
      updates: updates && withAccumulator(updates, isFolded(options)),
    });
    const { trainedLength } = plan.layout;
    this.memory = allocateSharedMemory(plan);
    this.exchange = communicator ? new Exchange(communicator, this.memory) : null;
    this.range = chunkRanges(trainedLength, this.place.size)[this.place.rank]!;
    this.ranges = chunkRanges(this.range.to - this.range.from, workers).map(({ from, to }) => ({
      from: this.range.from + from,
      to: this.range.from + to,
    }));
    this.ensemble = ensemble.map((other) =>
      allocateSharedMemory(memoryPlan({ ...options, model: other, updates: null, workers: 0 })),
    );
    const chunks = Math.ceil(trainedLength / updateChunk);
    const squares = () => new Float64Array(new SharedArrayBuffer(chunks * 8));
    this.setup = {
      engine,
      ...setupOf(model, this.memory),
      ensemble: ensemble.map((other, i) => setupOf(other, this.ensemble[i]!)),
      inputs: { train: dataset.train.inputs, val: dataset.val.inputs },
      batch: allocateBatch(batchSize, model.spec.dimensions.steps),
      rowsPerShard: Math.ceil(batchSize / options.shards),
      progress: new Int32Array(new SharedArrayBuffer(workers * 4)),
      squares: { gradient: squares(), parameters: squares() },
      decayed: updates?.decayed ?? [],
      folded: isFolded(options) ? this.foldedSums() : null,
      disposed: new Int32Array(new SharedArrayBuffer(4)),
    };
    this.pool = new WorkerPool({
      workers,
      taskSeconds: options.taskSeconds,
      file: options.file ?? workerFile('shard'),
      setup: this.setup,
      onFault: (message) => {
        this.faults.push(message);
        options.onFault(message);
      },
    });
  }

  /** Never rejects because of what the workers do, so that the processes stay in step. */
  async run(command: Command, doing: Doing = () => {}): Promise<Answer> {
    const failures: unknown[] = [];
    const answer: Pick<Answer, 'results' | 'names'> = await this.carryOut(command, doing, (error) => {
      failures.push(error);
    });
    const { faults } = this;
    this.faults = [];
    return {
      ...answer,
      squares: this.squaresOf(command),
      failure: failures.length > 0 ? failureOf(failures[0]) : null,
      faults,
    };
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private async carryOut(
    command: Command,
    doing: Doing,
    failed: (error: unknown) => void,
  ): Promise<Pick<Answer, 'results' | 'names'>> {
    const all = (tasks: Promise<unknown>[]) => Promise.all(tasks).catch(failed);
    switch (command.kind) {
      case 'gradients': {
        const { address, batch } = command;
        const draws = { ...address, firstRow: batch.firstRow };
        const results = await this.ofShards(batch, failed, (task) => ({ ...task, kind: 'gradients', draws }));
        this.isUnshared = true;
        return { results, names: [] };
      }
      case 'sample': {
        const { address, batch, probability } = command;
        const draws = { ...address, firstRow: batch.firstRow };
        const results = await this.ofShards(batch, failed, (task) => ({ ...task, kind: 'sample', draws, probability }));
        return { results, names: [] };
      }
      case 'loss': {
        const { batch, parameters } = command;
        return {
          results: await this.ofShards(batch, failed, (task) => ({ ...task, kind: 'loss', parameters })),
          names: [],
        };
      }
      case 'captions':
        return { results: await this.captions(command, doing, failed), names: [] };
      case 'measure': {
        const source = await this.shareGradient(command.source, failed);
        await all(this.ranges.map(({ from, to }) => this.pool.run({ kind: 'measure', source, from, to })));
        return nothing;
      }
      case 'update': {
        const { pass } = command;
        const source = await this.shareGradient(pass.source, failed);
        const isDone = pass.changes === 'accumulator' && source === 'accumulator';
        if (!isDone) await this.update({ ...pass, source }).catch(failed);
        // Where it failed the others must not wait for it.
        if (pass.changes === 'parameters') await this.exchange?.collectParameters();
        return nothing;
      }
      case 'nonFinite':
        return { results: [], names: nonFiniteParameters(this.memory, this.shards) };
      case 'collect':
        await this.exchange?.collectState();
        return nothing;
      case 'take':
        await this.exchange?.takeState();
        return nothing;
    }
  }

  /** Makes the batch the one under way, and runs a task for each of the process's shards of it. */
  private async ofShards(
    batch: Batch,
    failed: (error: unknown) => void,
    taskOf: (shard: { shard: number; split: SplitName; rows: readonly number[] }) => Task,
  ): Promise<Answer['results']> {
    const { split } = batch;
    const { from, to } = this.shards;
    try {
      writeBatch(this.setup.batch, batch);
      const dealt = dealRows(captionLengths(batch.tokens), this.options.shards).slice(from, to);
      const results = await Promise.all(
        dealt.map((rows, i) => this.pool.run(taskOf({ shard: from + i, split, rows }))),
      );
      return results.map((result, i) => ({ index: from + i, result }));
    } catch (error) {
      failed(error);
      return [];
    }
  }

  /** Of every so manieth part of the images; the parts are the same however many processes there are. */
  private async captions(
    { split, images, decoding, parameters }: Command & { kind: 'captions' },
    doing: Doing,
    failed: (error: unknown) => void,
  ): Promise<Answer['results']> {
    const { rank, size: ranks } = this.place;
    const atOnce = Math.floor(this.setup.rowsPerShard / hypothesesOf(decoding));
    const size = Math.max(1, Math.min(atOnce, Math.ceil(images.length / this.options.shards)));
    const parts = Array.from({ length: Math.ceil(images.length / size) }, (_, part) => part);
    const own = parts.filter((part) => part % ranks === rank);
    const results: { index: number; result: TaskResult }[] = [];
    let done = 0;
    const captionParts = async (shard: number) => {
      for (let part = own.shift(); part !== undefined; part = own.shift()) {
        const some = images.slice(part * size, (part + 1) * size);
        const task = { kind: 'captions', split, shard, images: some, decoding, parameters } as const;
        results.push({ index: part, result: await this.pool.run(task) });
        done += some.length * ranks;
        doing(Math.min(done, images.length), images.length);
      }
    };
    const { from, to } = this.shards;
    await Promise.all(Array.from({ length: to - from }, (_, i) => captionParts(from + i))).catch(failed);
    return results;
  }

  private async update(pass: UpdatePass): Promise<void> {
    this.setup.progress.fill(0);
    await Promise.all(
      this.ranges.map(({ from, to }, range) => this.pool.run({ kind: 'update', range, from, to, pass })),
    );
  }

  /**
   * Makes the gradient sum of the process's range its own: of all shards of all processes.
   * @returns where it is then
   */
  private async shareGradient(source: GradientSource, failed: (error: unknown) => void): Promise<GradientSource> {
    const { exchange, isUnshared } = this;
    const { folded } = this.setup;
    this.isUnshared = false;
    if (!exchange) return source;
    if (!folded) {
      if (isUnshared) await exchange.slotsToRanges();
      return source;
    }
    if (!isUnshared) return 'accumulator';
    const parts = { shards: this.shards, accumulated: source === 'accumulated' };
    const pieces = chunkRanges(folded.own.length, this.options.workers);
    await Promise.all(pieces.map(({ from, to }) => this.pool.run({ kind: 'fold', parts, from, to }))).catch(failed);
    await exchange.sumsToRanges(folded);
    await Promise.all(this.ranges.map(({ from, to }) => this.pool.run({ kind: 'addFolded', from, to }))).catch(failed);
    return 'accumulator';
  }

  private foldedSums(): FoldedSums {
    const { place, range, memory } = this;
    const numbers = (length: number) => sharedNumbers(memory.precision, length);
    const received = numbers(place.size * (range.to - range.from));
    return { own: numbers(memory.layout.trainedLength), received, range, rank: place.rank, size: place.size };
  }

  private squaresOf(command: Command): Answer['squares'] {
    const isMeasured = command.kind === 'measure' || command.kind === 'update';
    const { gradient, parameters } = this.setup.squares;
    const [from, to] = isMeasured ? [this.range.from, this.range.to].map((at) => Math.ceil(at / updateChunk)) : [0, 0];
    return { gradient: gradient.slice(from, to), parameters: parameters.slice(from, to) };
  }
}

/** Whether the process adds up its shards' gradients before they are added to those of others. */
function isFolded({ reduction, communicator }: ShareOptions): boolean {
  return communicator !== undefined && reduction === 'fast';
}

function withAccumulator(updates: UpdateArrays, isWanted: boolean): UpdateArrays {
  return { ...updates, accumulates: updates.accumulates || isWanted };
}

function sharedNumbers(precision: Precision, length: number): NumberArray {
  const buffer = new SharedArrayBuffer(length * bytesOf(precision));
  return precision === 'float64' ? new Float64Array(buffer) : new Float32Array(buffer);
}

const nothing = { results: [], names: [] };

function setupOf({ recipe, family }: Model, memory: SharedMemory): ModelSetup {
  return { model: recipe, familyUrl: loadableModule(family.url), memory };
}
