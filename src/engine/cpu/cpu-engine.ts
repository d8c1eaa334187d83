/**
 * The float32 engine for processors: element-wise work and reductions in WebAssembly SIMD, matrix products and time steps
 * of cells by it or by generated code, products by a native library too, all on the memory that the threads share.
 */
import { type TensorPlace, trainedPlaces } from '../../tensor/layout.js';
import type { Matrix, Named } from '../../tensor/matrix.js';
import type { ProgramOutputs, ProgramSpec } from '../../tensor/model-spec.js';
import type {
  Engine,
  EngineDescription,
  Executable,
  ParameterValues,
  ProgramLimits,
  RunRequest,
  RunResult,
  SharedMemory,
} from '../engine.js';
import { keptParameters, parametersAt } from '../shared-memory.js';
import { Arena, type Tensor } from './arena.js';
import { CpuOps } from './cpu-ops.js';
import { EmbeddingSlot } from './embedding-slot.js';
import type { Kernels } from './kernels.js';
import { parameterTensors } from './parameter-tensors.js';
import type { Products } from './suppliers/products.js';
import { createUpdates } from './updates.js';
import { arenaParts, programNeeds } from './working-memory.js';

/** @param kernels of this thread, as are the products */
export function createCpuEngine(
  shared: SharedMemory,
  description: EngineDescription,
  kernels: Kernels,
  products: Products,
): Engine {
  return {
    description,
    planKind: 'packed',
    prepare: (program, limits) => new CpuExecutable(program, limits, shared, kernels, products),
    ...createUpdates(shared, kernels),
    dispose: () => {},
  };
}

interface Shard {
  readonly arena: Arena;
  readonly scratch: number;
  /** Gradients of the trained parameters. */
  readonly slots: Named<Tensor>;
  /** Those of the tables whose rows are read by word. */
  readonly tables: ReadonlyMap<string, EmbeddingSlot>;
}

export class CpuExecutable implements Executable {
  /** Packs of the last run that had to copy. */
  copiedPacks = 0;
  private readonly parameters: Partial<Record<ParameterValues, Named<Tensor>>> = {};
  private readonly trained: readonly TensorPlace[];
  private readonly parameterSet: ReadonlySet<Tensor>;
  private readonly shards: readonly Shard[];
  private readonly scratchBytes: number;

  constructor(
    private readonly program: ProgramSpec,
    limits: ProgramLimits,
    private readonly shared: SharedMemory,
    private readonly kernels: Kernels,
    private readonly products: Products,
  ) {
    const { layout } = shared;
    const needs = programNeeds(program, layout, limits, products);
    const parts = arenaParts(layout, needs);
    if (parts.end > shared.arenaBytes) {
      throw new Error(
        `The program needs ${parts.end} bytes of working memory a shard; ${shared.arenaBytes} were planned.`,
      );
    }
    this.scratchBytes = needs.scratchBytes;
    this.trained = trainedPlaces(layout);
    for (const values of keptParameters(shared)) {
      this.parameters[values] = parameterTensors(layout.places, parametersAt(shared, values));
    }
    this.parameterSet = new Set(Object.values(this.parameters).flatMap((named) => Object.values(named)));
    this.shards = shared.arenas.map((start, shard) => {
      const slots = parameterTensors(this.trained, shared.slots[shard]!);
      const tables = parts.usedRows.map(({ table: { name, rows, columns }, at }) => {
        const slot = new EmbeddingSlot(shared.memory, start + at, slots[name]!.offset, rows, columns, kernels);
        return [name, slot] as const;
      });
      return {
        arena: new Arena(start + parts.tensors, start + shared.arenaBytes),
        scratch: start + parts.scratch,
        slots,
        tables: new Map(tables),
      };
    });
  }

  run({ shard: index, plan, inputs, draws, parameters = 'live', wanted }: RunRequest): RunResult {
    const shard = this.shards[index]!;
    if (plan.steps === 0) return this.runOnNothing(shard);
    const { arena, slots, tables, scratch } = shard;
    arena.reset();
    const words = this.placeIntegers(arena, plan.words);
    const ops = new CpuOps({
      plan,
      arena,
      kernels: this.kernels,
      products: this.products,
      words,
      inputOf: this.placeIntegers(arena, plan.inputOf),
      targets: this.placeIntegers(arena, plan.targets),
      weights: plan.weights ? this.placeMatrix(arena, { rows: 1, columns: plan.tokens, data: plan.weights }).offset : 0,
      draws,
      counting: this.placeIntegers(arena, countingTo(plan.rows)),
      scratch,
      scratchBytes: this.scratchBytes,
      gradientSlot: (name) => slots[name]!.offset,
      sparseTable: (name) => {
        const table = tables.get(name);
        return table && ((gradient) => table.write(plan.words, words, gradient));
      },
      isParameter: (tensor) => this.parameterSet.has(tensor),
      placeIntegers: (values) => this.placeIntegers(arena, values),
    });
    const given = Object.entries(inputs).map(([name, matrix]) => [name, this.placeMatrix(arena, matrix)] as const);
    const { gradients, tensors } = this.program.run(ops, this.parameters[parameters]!, Object.fromEntries(given));
    this.copiedPacks = ops.copiedPacks;
    if (gradients) this.finishGradients(shard, gradients);
    const results = Object.entries(tensors ?? {})
      .filter(([name]) => wanted?.has(name) ?? true)
      .map(([name, tensor]) => [name, this.read(ops.plain(tensor))] as const);
    return { loss: ops.loss, tensors: Object.fromEntries(results) };
  }

  /** Brings into the slot what the program did not compute in its place; no gradient is zero. */
  private finishGradients({ slots }: Shard, gradients: NonNullable<ProgramOutputs<Tensor>['gradients']>): void {
    for (const { name, size } of this.trained) {
      const gradient = gradients[name];
      const slot = slots[name]!;
      if (!gradient) this.kernels.zero(slot.offset, size * 4);
      else if (gradient.offset !== slot.offset) this.kernels.copy(gradient.offset, slot.offset, size * 4);
    }
  }

  /** A shard of captions without a single word: nothing to lose, and no gradient. */
  private runOnNothing({ slots, tables }: Shard): RunResult {
    if (this.program.hasGradients) {
      for (const { name, size } of this.trained) {
        const table = tables.get(name);
        if (table) table.clear();
        else this.kernels.zero(slots[name]!.offset, size * 4);
      }
    }
    return { loss: 0, tensors: {} };
  }

  private placeIntegers(arena: Arena, values: Int32Array): number {
    const at = arena.take(values.length * 4);
    new Int32Array(this.shared.memory.buffer, at, values.length).set(values);
    return at;
  }

  private placeMatrix(arena: Arena, { rows, columns, data }: Matrix): Tensor {
    const tensor = arena.tensor(rows, columns);
    new Float32Array(this.shared.memory.buffer, tensor.offset, rows * columns).set(data);
    return tensor;
  }

  private read(tensor: Tensor): Matrix {
    const { offset, rows, columns } = tensor;
    const data = new Float32Array(rows * columns);
    data.set(new Float32Array(this.shared.memory.buffer, offset, rows * columns));
    return { data, rows, columns };
  }
}

function countingTo(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}
