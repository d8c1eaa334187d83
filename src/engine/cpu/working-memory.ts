/**
 * How the arena of a shard is divided, and how large it must be:
 *
 *     slot table | embedding rows in use | scratch of the products | tensors of the run
 *
 * The sizes come from running the program with arithmetic that does nothing, on the largest plan that its limits allow.
 */
import { captionerPrograms } from '../../model/captioner.js';
import { type ModelShape, type ParameterLayout, parameterLayout } from '../../model/parameters.js';
import type { StepPlan } from '../../model/step-plan.js';
import type { Program, ProgramLimits } from '../engine.js';
import { Arena, aligned } from './arena.js';
import { CpuOps } from './cpu-ops.js';
import { usedRowsBytes } from './embedding-slot.js';
import type { Kernels } from './kernels.js';
import { parameterTensors } from './parameter-tensors.js';
import type { ProductSizes, Products } from './products.js';
import { slotTableBytes } from './updates.js';

export interface ProgramNeeds {
  readonly scratchBytes: number;
  readonly tensorBytes: number;
  readonly hasGradients: boolean;
}

/** First byte of each part, counted from the start of the arena. */
export interface ArenaParts {
  readonly usedRows: number;
  readonly scratch: number;
  readonly tensors: number;
  readonly end: number;
}

export function arenaParts(layout: ParameterLayout, needs: ProgramNeeds): ArenaParts {
  const usedRows = slotTableBytes;
  const scratch = aligned(usedRows + usedRowsBytes(vocabularyOf(layout)));
  const tensors = aligned(scratch + needs.scratchBytes);
  return { usedRows, scratch, tensors, end: tensors + needs.tensorBytes };
}

/** Bytes of an arena in which every program of a captioner can run with this many rows. */
export function cpuArenaBytes(shape: ModelShape, rows: number, sizes: ProductSizes): number {
  const layout = parameterLayout(shape);
  const ends = Object.values(captionerPrograms(shape)).map(
    (program) => arenaParts(layout, programNeeds(program, layout, { rows, steps: shape.steps }, sizes)).end,
  );
  return Math.max(...ends);
}

export function programNeeds(
  program: Program,
  layout: ParameterLayout,
  limits: ProgramLimits,
  sizes: ProductSizes,
): ProgramNeeds {
  const plan = largestPlan(limits, vocabularyOf(layout));
  const arena = new Arena(0, Number.POSITIVE_INFINITY);
  const products = idleProducts(sizes);
  const parameters = parameterTensors(layout, 0);
  const ops = new CpuOps({
    plan,
    arena,
    kernels: idleKernels,
    products,
    words: arena.take(plan.words.length * 4),
    inputOf: arena.take(plan.inputOf.length * 4),
    targets: arena.take(plan.targets.length * 4),
    scratch: 0,
    scratchBytes: Number.POSITIVE_INFINITY,
    gradientSlot: () => 0,
    writeEmbeddingGradient: () => {},
    isParameter: (tensor) => Object.values(parameters).includes(tensor),
  });
  const H = parameters.Wh.rows;
  const outputs = program(ops, parameters, {
    features: arena.tensor(plan.rows, parameters.W_proj.rows),
    h: arena.tensor(plan.rows, H),
    c: arena.tensor(plan.rows, H),
  });
  return {
    scratchBytes: products.largestScratch(),
    tensorBytes: arena.bytesUsed,
    hasGradients: outputs.gradients !== undefined,
  };
}

function vocabularyOf(layout: ParameterLayout): number {
  return layout.places.find(({ name }) => name === 'W_embed')!.shape[0]!;
}

/** Every row alive at every time step, and as many input rows as there can be. */
function largestPlan({ rows, steps }: ProgramLimits, vocabulary: number): StepPlan {
  const tokens = rows * steps;
  const inputs = Math.max(rows, Math.min(vocabulary, tokens));
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
  };
}

const idleKernels = new Proxy({}, { get: () => () => 0 }) as Kernels;

function idleProducts(sizes: ProductSizes): Products & { largestScratch(): number } {
  let largest = 0;
  return {
    ...sizes,
    scratchBytes(M, N, K) {
      const bytes = sizes.scratchBytes(M, N, K);
      largest = Math.max(largest, bytes);
      return bytes;
    },
    multiply() {},
    prepare() {},
    multiplyPrepared() {},
    largestScratch: () => largest,
  };
}
