/**
 * The float32 engine for processors: element-wise work and reductions in WebAssembly SIMD, matrix products by
 * WebAssembly SIMD or by a native library, all on the memory that the threads share.
 */
import { type Parameters, parameterNames } from '../../model/parameters.js';
import type {
  Engine,
  EngineDescription,
  Executable,
  Matrix,
  Program,
  ProgramLimits,
  RunRequest,
  RunResult,
  SharedMemory,
  TensorName,
} from '../engine.js';
import { Arena, type Tensor } from './arena.js';
import { CpuOps } from './cpu-ops.js';
import { EmbeddingSlot } from './embedding-slot.js';
import { type Kernels, loadKernels } from './kernels.js';
import { parameterTensors } from './parameter-tensors.js';
import type { Products } from './products.js';
import { createUpdates } from './updates.js';
import { arenaParts, programNeeds } from './working-memory.js';

/** @param makeProducts given the kernels of this thread */
export function createCpuEngine(
  shared: SharedMemory,
  description: EngineDescription,
  makeProducts: (kernels: Kernels) => Products,
): Engine {
  const kernels = loadKernels(shared.memory);
  const products = makeProducts(kernels);
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
  readonly slots: Parameters<Tensor>;
  readonly embedding: EmbeddingSlot;
}

export class CpuExecutable implements Executable {
  /** Packs of the last run that had to copy. */
  copiedPacks = 0;
  private readonly parameters: Parameters<Tensor>;
  private readonly parameterSet: ReadonlySet<Tensor>;
  private readonly shards: readonly Shard[];
  private readonly scratchBytes: number;
  private readonly hasGradients: boolean;

  constructor(
    private readonly program: Program,
    limits: ProgramLimits,
    private readonly shared: SharedMemory,
    private readonly kernels: Kernels,
    private readonly products: Products,
  ) {
    const layout = shared.parameterLayout;
    const needs = programNeeds(program, layout, limits, products);
    const parts = arenaParts(layout, needs);
    if (parts.end > shared.arenaBytes) {
      throw new Error(
        `The program needs ${parts.end} bytes of working memory a shard; ${shared.arenaBytes} were planned.`,
      );
    }
    this.scratchBytes = needs.scratchBytes;
    this.hasGradients = needs.hasGradients;
    this.parameters = parameterTensors(layout, shared.parameters);
    this.parameterSet = new Set(Object.values(this.parameters));
    this.shards = shared.arenas.map((start, shard) => {
      const slots = parameterTensors(layout, shared.slots[shard]!);
      const { offset, rows, columns } = slots.W_embed;
      return {
        arena: new Arena(start + parts.tensors, start + shared.arenaBytes),
        scratch: start + parts.scratch,
        slots,
        embedding: new EmbeddingSlot(shared.memory, start + parts.usedRows, offset, rows, columns, kernels),
      };
    });
  }

  run({ shard: index, plan, tensors }: RunRequest): RunResult {
    const shard = this.shards[index]!;
    if (plan.steps === 0) return this.runOnNothing(shard);
    const { arena, slots, embedding, scratch } = shard;
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
      scratch,
      scratchBytes: this.scratchBytes,
      gradientSlot: (name) => slots[name].offset,
      writeEmbeddingGradient: (name, gradient) => {
        if (name !== 'W_embed') throw new Error(`${name} is no embedding table`);
        embedding.write(plan.words, words, gradient);
      },
      isParameter: (tensor) => this.parameterSet.has(tensor),
    });
    const given: Partial<Record<TensorName, Tensor>> = {};
    for (const [name, matrix] of Object.entries(tensors) as [TensorName, Matrix][]) {
      given[name] = this.placeMatrix(arena, matrix);
    }
    const outputs = this.program(ops, this.parameters, given);
    this.copiedPacks = ops.copiedPacks;
    if (outputs.gradients) {
      for (const name of parameterNames) {
        const gradient = outputs.gradients[name];
        const slot = slots[name];
        if (gradient.offset === slot.offset) continue;
        this.kernels.copy(gradient.offset, slot.offset, slot.rows * slot.columns * 4);
      }
    }
    const results: Partial<Record<TensorName, Matrix>> = {};
    for (const [name, tensor] of Object.entries(outputs.tensors ?? {}) as [TensorName, Tensor][]) {
      results[name] = this.read(tensor, name === 'words');
    }
    return { loss: ops.loss, tensors: results };
  }

  /** A shard of captions without a single word: nothing to lose, and no gradient. */
  private runOnNothing({ slots, embedding }: Shard): RunResult {
    if (this.hasGradients) {
      for (const { name, size } of this.shared.parameterLayout.places) {
        if (name !== 'W_embed') this.kernels.zero(slots[name].offset, size * 4);
      }
      embedding.clear();
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

  private read({ offset, rows, columns }: Tensor, integers: boolean): Matrix {
    const { buffer } = this.shared.memory;
    const size = rows * columns;
    const view = integers ? new Int32Array(buffer, offset, size) : new Float32Array(buffer, offset, size);
    return { data: Float32Array.from(view), rows, columns };
  }
}
