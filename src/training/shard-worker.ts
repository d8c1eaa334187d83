/** What a worker thread does with a task: the model's programs on its engine, over the memory all threads share. */

import { endId, startId } from '../data/vocabulary.js';
import type { Engine, Executable, Matrix } from '../engine/engine.js';
import { createEngine } from '../engine/select.js';
import { TrainingError, UserError } from '../errors.js';
import { captionerPrograms } from '../model/captioner.js';
import { greedyCaptions } from '../model/decoding.js';
import { packedPlan, paddedPlan, type StepPlan } from '../model/step-plan.js';
import { JournaledUpdate } from './journaled-update.js';
import type { SharedSplit, Task, TaskReply, TaskResult, WorkerSetup } from './tasks.js';

/**
 * Makes the engine and returns the function that Piscina calls with each task. An engine that cannot be made for a known
 * reason is the answer to every task.
 */
export async function createShardWorker(setup: WorkerSetup): Promise<(task: Task) => Promise<TaskReply>> {
  let worker: ShardWorker;
  try {
    worker = new ShardWorker(setup, await createEngine(setup.engine, setup.memory));
  } catch (error) {
    const reply = knownReply(error);
    if (!reply) throw error;
    return async () => reply;
  }
  return async (task) => {
    try {
      const start = performance.now();
      const result = await worker.run(task);
      return { loss: 0, largestGradient: 0, captions: [], ...result, milliseconds: performance.now() - start };
    } catch (error) {
      return knownReply(error) ?? endThread(error);
    }
  };
}

function knownReply(error: unknown): TaskReply | null {
  const isKnown = error instanceof UserError || error instanceof TrainingError;
  return isKnown ? { known: error.name, message: error.message } : null;
}

/** An engine that failed in an unforeseen way is not used again: the error ends the thread, and the pool replaces it. */
function endThread(error: unknown): Promise<never> {
  queueMicrotask(() => {
    throw error;
  });
  return new Promise(() => {});
}

class ShardWorker {
  private readonly programs: Readonly<Record<'gradients' | 'loss' | 'captionStart' | 'captionStep', Executable>>;
  private readonly update: JournaledUpdate;
  /** (rowsPerShard, T+1) */
  private readonly captions: Int32Array;
  /** (rowsPerShard, D) */
  private readonly features: Float32Array | Float64Array;

  constructor(
    private readonly setup: WorkerSetup,
    private readonly engine: Engine,
  ) {
    const { shape, rowsPerShard, memory } = setup;
    const programs = captionerPrograms(shape);
    const limits = { rows: rowsPerShard, steps: shape.steps };
    this.programs = {
      gradients: engine.prepare(programs.gradients, limits),
      loss: engine.prepare(programs.loss, limits),
      captionStart: engine.prepare(programs.captionStart, limits),
      captionStep: engine.prepare(programs.captionStep, limits),
    };
    this.update = new JournaledUpdate(engine, memory, setup.progress);
    this.captions = new Int32Array(rowsPerShard * (shape.steps + 1));
    const NumberArray = setup.splits.train.features instanceof Float64Array ? Float64Array : Float32Array;
    this.features = new NumberArray(rowsPerShard * shape.featureDim);
  }

  async run(task: Task): Promise<Partial<TaskResult>> {
    switch (task.kind) {
      case 'gradients':
        return this.gradients(task.shard, task.rows);
      case 'loss':
        return this.loss(this.setup.splits[task.split], task.shard, task.rows);
      case 'captions':
        return this.generate(this.setup.splits[task.split], task.shard, task.images, task.longest);
      case 'update':
        this.update.run(task.adam, task.range, task.from, task.to);
        return {};
      case 'dispose':
        return this.dispose(task.workers);
    }
  }

  private async gradients(shard: number, rows: readonly number[]): Promise<Partial<TaskResult>> {
    const split = this.setup.splits.train;
    const plan = this.plan(split, rows);
    const { length } = this.setup.memory.parameterLayout;
    const tensors = { features: this.featureRows(split, plan, rows) };
    const { loss } = await this.programs.gradients.run({ shard, plan, tensors });
    return { loss, largestGradient: this.engine.largestGradient(shard, 0, length) };
  }

  private async loss(split: SharedSplit, shard: number, rows: readonly number[]): Promise<Partial<TaskResult>> {
    const plan = this.plan(split, rows);
    const tensors = { features: this.featureRows(split, plan, rows) };
    const { loss } = await this.programs.loss.run({ shard, plan, tensors });
    return { loss };
  }

  private plan(split: SharedSplit, rows: readonly number[]): StepPlan {
    const { columns, captions } = split;
    rows.forEach((row, i) => {
      this.captions.set(captions.subarray(row * columns, (row + 1) * columns), i * columns);
    });
    return this.engine.planKind === 'packed'
      ? packedPlan(this.captions, rows.length, columns)
      : paddedPlan(this.captions, rows.length, columns, this.setup.rowsPerShard);
  }

  /** The features of captions `rows` in the plan's order; zeros in its spare rows. */
  private featureRows(split: SharedSplit, plan: StepPlan, rows: readonly number[]): Matrix {
    const D = this.setup.shape.featureDim;
    for (let r = 0; r < plan.rows; r++) {
      const row = rows[plan.order[r]!];
      if (row === undefined) this.features.fill(0, r * D, (r + 1) * D);
      else {
        const image = split.imageIdxs[row]!;
        this.features.set(split.features.subarray(image * D, (image + 1) * D), r * D);
      }
    }
    return { data: this.features.subarray(0, plan.rows * D), rows: plan.rows, columns: D };
  }

  private async generate(
    split: SharedSplit,
    shard: number,
    images: readonly number[],
    longest: number,
  ): Promise<Partial<TaskResult>> {
    const D = this.setup.shape.featureDim;
    const rows = this.setup.rowsPerShard;
    const captions: number[][] = [];
    // Always the same number of rows, so that an engine that traces meets one shape.
    for (let first = 0; first < images.length; first += rows) {
      const some = images.slice(first, first + rows);
      this.features.fill(0);
      some.forEach((image, r) => {
        this.features.set(split.features.subarray(image * D, (image + 1) * D), r * D);
      });
      const features = { data: this.features, rows, columns: D };
      const generated = await greedyCaptions(this.programs, features, longest, { start: startId, end: endId }, shard);
      captions.push(...generated.slice(0, some.length));
    }
    return { captions };
  }

  /** Waits until every worker has come this far, so that none takes the task of another. */
  private async dispose(workers: number): Promise<Partial<TaskResult>> {
    await this.engine.dispose();
    const { disposed } = this.setup;
    Atomics.add(disposed, 0, 1);
    const deadline = Date.now() + 5000;
    while (Atomics.load(disposed, 0) < workers && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return {};
  }
}
