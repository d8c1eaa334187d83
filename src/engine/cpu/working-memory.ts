/**
 * How the arena of a shard is divided, and how large it must be:
 *
 *     table of offsets | rows in use of each sparse table | scratch of the products | tensors of the run
 *
 * The sizes come from running the program with arithmetic that does nothing, on the largest plan that its limits allow.
 */
import { type Layout, type TensorPlace, trainedPlaces } from '../../tensor/layout.js';
import type { ProgramSpec, RunnableSpec } from '../../tensor/model-spec.js';
import type { StepPlan } from '../../tensor/step-plan.js';
import type { ProgramLimits } from '../engine.js';
import { Arena, aligned } from './arena.js';
import { CpuOps } from './cpu-ops.js';
import { usedRowsBytes } from './embedding-slot.js';
import type { Kernels } from './kernels.js';
import { parameterTensors } from './parameter-tensors.js';
import type { ProductSizes, Products } from './suppliers/products.js';
import { offsetTableBytes } from './updates.js';

export interface ProgramNeeds {
  readonly scratchBytes: number;
  readonly tensorBytes: number;
  /** Floating-point operations of the matrix products, a multiplication and an addition each one. */
  readonly operations: number;
}

/** First byte of each part, counted from the start of the arena. */
export interface ArenaParts {
  readonly usedRows: readonly { readonly table: TensorPlace; readonly at: number }[];
  readonly scratch: number;
  readonly tensors: number;
  readonly end: number;
}

export function arenaParts(layout: Layout, needs: ProgramNeeds): ArenaParts {
  let next = offsetTableBytes;
  const usedRows = sparseTables(layout).map((table) => {
    const at = next;
    next = aligned(next + usedRowsBytes(table.rows));
    return { table, at };
  });
  const scratch = aligned(next);
  const tensors = aligned(scratch + needs.scratchBytes);
  return { usedRows, scratch, tensors, end: tensors + needs.tensorBytes };
}

/** Bytes of an arena in which each of the programs can run with this many rows. */
export function cpuArenaBytes(spec: RunnableSpec, layout: Layout, rows: number, sizes: ProductSizes): number {
  const limits = { rows, steps: spec.dimensions.steps };
  const ends = Object.values(spec.programs).map(
    (program) => arenaParts(layout, programNeeds(program, layout, limits, sizes)).end,
  );
  return Math.max(...ends);
}

/** What the program needs at most. */
export function programNeeds(
  program: ProgramSpec,
  layout: Layout,
  limits: ProgramLimits,
  sizes: ProductSizes,
): ProgramNeeds {
  return dryRun(program, layout, largestPlan(limits, layout), sizes);
}

/** What the program needs with this plan. */
export function dryRun(program: ProgramSpec, layout: Layout, plan: StepPlan, sizes: ProductSizes): ProgramNeeds {
  // Apart from each other as in the shared memory: copies of tensors are known by their offset.
  const slotsFrom = layout.length * 4;
  const arenaFrom = slotsFrom + layout.trainedLength * 4;
  const parameters = parameterTensors(layout.places, 0);
  const slots = parameterTensors(trainedPlaces(layout), slotsFrom);
  const arena = new Arena(arenaFrom, Number.POSITIVE_INFINITY);
  const products = idleProducts(sizes);
  const all = new Set(Object.values(parameters));
  const sparse = new Set(sparseTables(layout).map(({ name }) => name));
  const ops = new CpuOps({
    plan,
    arena,
    kernels: idleKernels,
    products,
    words: arena.take(plan.words.length * 4),
    inputOf: arena.take(plan.inputOf.length * 4),
    targets: arena.take(plan.targets.length * 4),
    weights: arena.take(plan.tokens * 4),
    draws: { seed: 0, step: 1, rows: new Int32Array(plan.rows) },
    counting: arena.take(plan.rows * 4),
    scratch: 0,
    scratchBytes: Number.POSITIVE_INFINITY,
    gradientSlot: (name) => slots[name]!.offset,
    sparseTable: (name) => (sparse.has(name) ? () => {} : undefined),
    isParameter: (tensor) => all.has(tensor),
    placeIntegers: (values) => arena.take(values.length * 4),
  });
  const inputs = Object.entries(program.inputs).map(([name, columns]) => [name, arena.tensor(plan.rows, columns)]);
  program.run(ops, parameters, Object.fromEntries(inputs));
  return { scratchBytes: products.largestScratch(), tensorBytes: arena.bytesUsed, operations: products.operations() };
}

/** Tables whose gradient is written by rows. */
function sparseTables(layout: Layout): readonly TensorPlace[] {
  return layout.places.filter(({ sparseRows, trained }) => sparseRows && trained);
}

/** Every row alive at every time step, and as many input rows as there can be. */
function largestPlan({ rows, steps }: ProgramLimits, layout: Layout): StepPlan {
  const tokens = rows * steps;
  const words = Math.max(0, ...layout.places.filter(({ sparseRows }) => sparseRows).map((table) => table.rows));
  const inputs = Math.max(rows, words > 0 ? Math.min(words, tokens) : tokens);
  return {
    rows,
    steps,
    order: new Int32Array(rows),
    live: new Int32Array(steps).fill(rows),
    offset: Int32Array.from({ length: steps + 1 }, (_, t) => t * rows),
    tokens,
    inputs,
    words: new Int32Array(inputs),
    inputOf: new Int32Array(tokens),
    targets: new Int32Array(tokens),
    weights: null,
  };
}

const idleKernels = new Proxy({}, { get: () => () => 0 }) as Kernels;

function idleProducts(sizes: ProductSizes): Products & { largestScratch(): number; operations(): number } {
  let largest = 0;
  let operations = 0;
  return {
    ...sizes,
    scratchBytes(M, N, K) {
      const bytes = sizes.scratchBytes(M, N, K);
      largest = Math.max(largest, bytes);
      return bytes;
    },
    multiply(_transposeA, _transposeB, M, N, K) {
      operations += 2 * M * N * K;
    },
    prepare() {},
    multiplyPrepared(_transposeB, M, N, K) {
      operations += 2 * M * N * K;
    },
    largestScratch: () => largest,
    operations: () => operations,
  };
}
