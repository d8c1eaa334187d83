/** What a worker thread does with a task: the model's programs on its engine, over the memory all threads share. */

import type { SplitName } from '../../data/dataset.js';
import { copyRow } from '../../data/feature-table.js';
import { endId, startId } from '../../data/vocabulary.js';
import type { Engine, ParameterValues } from '../../engine/engine.js';
import { TrainingError, UserError } from '../../errors.js';
import type { Decoding } from '../../model/decoding/decoding.js';
import { generateCaptions } from '../../model/decoding/generate.js';
import { sampledInputs } from '../../model/scheduled-sampling.js';
import type { Draws } from '../../tensor/draws.js';
import type { Matrix, Named } from '../../tensor/matrix.js';
import { packedPlan, paddedPlan, type StepPlan, type Tokens } from '../../tensor/step-plan.js';
import { EngineModel } from './engine-model.js';
import { addFolded, fold } from './fold.js';
import { JournaledUpdate } from './journaled-update.js';
import { tokensOfRows } from './shared-batch.js';
import type { BatchDraws, Task, TaskReply, TaskResult, WorkerSetup } from './tasks.js';

/**
 * Makes the engine and returns the function that Piscina calls with each task. An engine that cannot be made for a known
 * reason is the answer to every task.
 */
export async function createShardWorker(setup: WorkerSetup): Promise<(task: Task) => Promise<TaskReply>> {
  let worker: ShardWorker;
  try {
    const models: EngineModel[] = [];
    for (const each of [setup, ...setup.ensemble]) models.push(await EngineModel.load(setup, each));
    worker = new ShardWorker(setup, models);
  } catch (error) {
    const reply = knownReply(error);
    if (!reply) throw error;
    return async () => reply;
  }
  return async (task) => {
    try {
      const start = performance.now();
      const result = await worker.run(task);
      return { ...nothing, ...result, milliseconds: performance.now() - start };
    } catch (error) {
      return knownReply(error) ?? endThread(error);
    }
  };
}

const nothing = { loss: 0, largestGradient: 0, captions: [], read: new Int32Array() };

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
  private readonly model: EngineModel;
  private readonly engine: Engine;
  private readonly update: JournaledUpdate;
  /** Where the rows of each input are gathered, (rowsPerShard, columns). */
  private readonly gathered: Named<Float32Array | Float64Array>;

  /** @param models the one that is trained, and those that caption images beside it */
  constructor(
    private readonly setup: WorkerSetup,
    private readonly models: readonly EngineModel[],
  ) {
    const { rowsPerShard, memory, inputs } = setup;
    this.model = models[0]!;
    this.engine = this.model.engine;
    this.update = new JournaledUpdate(this.engine, memory, setup.progress, setup.squares, setup.decayed);
    const columnsOf = Object.assign({}, ...models.map(({ spec }) => spec.dimensions.inputs)) as Named<number>;
    const gathered = Object.entries(columnsOf).map(([name, columns]) => {
      const NumberArray = inputs.train[name]?.data instanceof Float64Array ? Float64Array : Float32Array;
      return [name, new NumberArray(rowsPerShard * columns)];
    });
    this.gathered = Object.fromEntries(gathered);
  }

  async run(task: Task): Promise<Partial<TaskResult>> {
    switch (task.kind) {
      case 'gradients':
        return this.gradients(task.split, task.shard, task.rows, task.draws);
      case 'sample':
        return this.sample(task.split, task.shard, task.rows, task.draws, task.probability);
      case 'loss':
        return this.loss(task.split, task.shard, task.rows, task.parameters);
      case 'captions':
        return this.generate(task.split, task.shard, task.images, task.decoding, task.parameters);
      case 'update':
        this.update.run(task.pass, task.range, task.from, task.to);
        return {};
      case 'measure':
        this.update.measure(task.source, task.from, task.to);
        return {};
      case 'fold':
        fold(this.setup.memory, this.setup.folded!, task.parts, task.from, task.to);
        return {};
      case 'addFolded':
        addFolded(this.setup.memory, this.setup.folded!, task.from, task.to);
        return {};
      case 'dispose':
        return this.dispose(task.workers);
    }
  }

  private async gradients(
    split: SplitName,
    shard: number,
    rows: readonly number[],
    address: BatchDraws,
  ): Promise<Partial<TaskResult>> {
    const plan = this.plan(tokensOfRows(this.setup.batch, rows));
    const inputs = this.inputsOf(split, plan.rows, this.imagesOf(plan, rows));
    const draws = drawsOf(plan, rows, address);
    const { loss } = await this.model.program('gradients').run({ shard, plan, inputs, draws });
    const { trainedLength } = this.setup.memory.layout;
    return { loss, largestGradient: this.engine.largestGradient(shard, 0, trainedLength) };
  }

  private async sample(
    split: SplitName,
    shard: number,
    rows: readonly number[],
    address: BatchDraws,
    probability: number,
  ): Promise<Partial<TaskResult>> {
    const tokens = tokensOfRows(this.setup.batch, rows);
    const plan = this.plan(tokens);
    const inputs = this.inputsOf(split, plan.rows, this.imagesOf(plan, rows));
    const captions = { shard, tokens, plan, inputs };
    return { read: await sampledInputs(this.model.decoding(), captions, drawsOf(plan, rows, address), probability) };
  }

  private async loss(
    split: SplitName,
    shard: number,
    rows: readonly number[],
    parameters: ParameterValues,
  ): Promise<Partial<TaskResult>> {
    const plan = this.plan(tokensOfRows(this.setup.batch, rows));
    const inputs = this.inputsOf(split, plan.rows, this.imagesOf(plan, rows));
    const { loss } = await this.model.program('loss').run({ shard, plan, inputs, parameters });
    return { loss };
  }

  private plan(tokens: Tokens): StepPlan {
    return this.engine.planKind === 'packed' ? packedPlan(tokens) : paddedPlan(tokens, this.setup.rowsPerShard);
  }

  /** The image of each row of the plan; undefined for its spare rows. */
  private imagesOf(plan: StepPlan, rows: readonly number[]): readonly (number | undefined)[] {
    return Array.from(plan.order, (r) => (r < 0 ? undefined : this.setup.batch.images[rows[r]!]!));
  }

  /** The rows of each input for these images; zeros where there is none. */
  private inputsOf(split: SplitName, rows: number, images: readonly (number | undefined)[]): Named<Matrix> {
    const inputs = Object.entries(this.gathered).map(([name, gathered]) => {
      const table = this.setup.inputs[split][name]!;
      const { columns } = table;
      for (let r = 0; r < rows; r++) {
        const image = images[r];
        if (image === undefined) gathered.fill(0, r * columns, (r + 1) * columns);
        else copyRow(table, image, gathered, r * columns);
      }
      return [name, { data: gathered.subarray(0, rows * columns), rows, columns }];
    });
    return Object.fromEntries(inputs);
  }

  private async generate(
    split: SplitName,
    shard: number,
    images: readonly number[],
    decoding: Decoding,
    parameters: ParameterValues,
  ): Promise<Partial<TaskResult>> {
    const limits = { most: this.setup.rowsPerShard, fixed: this.engine.planKind === 'padded' };
    const inputs = this.inputsOf(split, limits.fixed ? limits.most : images.length, images);
    const ends = { start: startId, end: endId, longest: this.model.spec.dimensions.steps };
    const members = this.models.map((model) => ({
      ...model.decoding(),
      inputs: model.inputsAmong(inputs),
      shard,
      parameters,
    }));
    return { captions: await generateCaptions(members, images, decoding, ends, limits) };
  }

  /** Waits until every worker has come this far, so that none takes the task of another. */
  private async dispose(workers: number): Promise<Partial<TaskResult>> {
    for (const { engine } of this.models) await engine.dispose();
    const { disposed } = this.setup;
    Atomics.add(disposed, 0, 1);
    const deadline = Date.now() + 5000;
    while (Atomics.load(disposed, 0) < workers && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return {};
  }
}

/** @param rows of the batch, which the plan has in its order */
function drawsOf({ order }: StepPlan, rows: readonly number[], { seed, step, firstRow }: BatchDraws): Draws {
  return { seed, step, rows: order.map((r) => (r < 0 ? r : firstRow + rows[r]!)) };
}
