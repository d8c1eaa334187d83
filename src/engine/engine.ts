/**
 * The contract between whoever trains or decodes and the engines, which run the programs of a model (see tensor/ops.ts
 * and tensor/model-spec.ts).
 */
import type { Draws } from '../tensor/draws.js';
import type { Layout } from '../tensor/layout.js';
import type { Matrix, Named, Precision } from '../tensor/matrix.js';
import type { ProgramSpec } from '../tensor/model-spec.js';
import type { StepPlan } from '../tensor/step-plan.js';
import type { UpdateStep } from '../tensor/update-rules.js';

/** Which values of the parameters: those that are trained, or their exponential moving average. */
export type ParameterValues = 'live' | 'ema';

export interface RunRequest {
  /** Whose gradient slot and working memory the run uses; no two runs of one shard at the same time. */
  readonly shard: number;
  readonly plan: StepPlan;
  /** The program's inputs, rows in the plan's order. */
  readonly inputs: Named<Matrix>;
  /** The live ones unless it says otherwise. */
  readonly parameters?: ParameterValues;
  /** Addresses of the random numbers that the program uses; none where it is to use none. */
  readonly draws?: Draws | undefined;
  /** Names of the results that are read; all by default. An engine may leave out the others. */
  readonly wanted?: ReadonlySet<string>;
}

export interface RunResult {
  /** The sum over the shard's tokens, not divided by anything; 0 if the program returns none. */
  readonly loss: number;
  /** Fresh copies. Gradients are not here: they are in the shard's slot. */
  readonly tensors: Named<Matrix>;
}

/** A program made ready on an engine. */
export interface Executable {
  /**
   * Runs the program. Gradients are written into the shard's slot of the shared memory, whole: what an earlier run left
   * there does not remain. A plan without tokens has loss 0 and gradient 0, and the program is not run.
   */
  run(request: RunRequest): RunResult | Promise<RunResult>;
}

/** The largest shapes that a program will meet, from which an engine plans its buffers. */
export interface ProgramLimits {
  /** Rows of a shard. */
  readonly rows: number;
  /** T, time steps. */
  readonly steps: number;
}

/** What an engine turned out to be on this machine; printed and recorded with the run. */
export interface EngineDescription {
  readonly engine: 'reference' | 'cpu' | 'gpu';
  readonly precision: 'float64' | 'float32' | 'bf16';
  /** gpu.js mode, or the supplier of matrix products of the cpu engine. */
  readonly supplier: string;
  /** One line for people: library, version, core type, instruction set, adapter. */
  readonly detail: string;
  /** Why nothing better was taken, one line each. */
  readonly notes: readonly string[];
}

/**
 * What a gradient sum is made of: the shards' slots in order; the accumulator, which holds those of earlier micro-steps,
 * and then the slots; or the accumulator alone, which holds all there is.
 */
export type GradientSource = 'slots' | 'accumulated' | 'accumulator';

/** Arrays that one pass over the elements changes: the accumulator, or the parameters and all that goes with them. */
export type ChangedArrays = 'accumulator' | 'parameters';

/**
 * The part of a training step that touches parameters instead of captions. Elements are those of the trained parameters,
 * [from, to), and how a range is cut into calls changes no bit, except in the sums of squares.
 */
export interface Updates {
  /** Divides the gradient sum by the step's divisor and applies its rule in place. */
  update(step: UpdateStep, source: GradientSource, from: number, to: number): void;
  /** The accumulator becomes the gradient sum. */
  accumulate(source: GradientSource, from: number, to: number): void;
  /** average = keep·average + (1 - keep)·parameters */
  moveAverage(keep: number, from: number, to: number): void;
  /** The sum of the squares of the gradient sum, which is not divided by anything. */
  squaredGradient(source: GradientSource, from: number, to: number): number;
  squaredParameters(from: number, to: number): number;
  /**
   * Copies elements [from, to), multiples of 16, of the accumulator, or of the parameters, each of the optimiser's arrays
   * and the average if there is one, to byte offset `at` of the shared memory, one behind the other.
   */
  saveState(arrays: ChangedArrays, from: number, to: number, at: number): void;
  /** The largest magnitude in elements [from, to) of a shard's gradient; NaN or Infinity if one is in it. */
  largestGradient(shard: number, from: number, to: number): number;
}

/** An engine inside one worker thread, working on the memory all workers share. */
export interface Engine extends Updates {
  readonly description: EngineDescription;
  /** `packed` plans skip finished captions; a `padded` plan has a static shape. */
  readonly planKind: 'packed' | 'padded';
  /** Readies a program. Called once a program and worker, before its first run. */
  prepare(program: ProgramSpec, limits: ProgramLimits): Executable;
  dispose(): void | Promise<void>;
}

/**
 * The memory all threads share: parameters, an optimiser's arrays, one gradient slot a shard and one arena a shard for
 * what an engine computes on the way. A shared WebAssembly.Memory, so that kernels in WebAssembly work on it without
 * copying.
 */
export interface SharedMemory {
  readonly memory: WebAssembly.Memory;
  readonly precision: Precision;
  readonly layout: Layout;
  readonly shards: number;
  /** Byte offset, like all that follow a multiple of 64. Holds `layout.length` numbers. */
  readonly parameters: number;
  /** The optimiser's arrays by name, in its order; `layout.trainedLength` numbers each, like the slots. */
  readonly states: Named<number>;
  /** The moving average of the parameters, `layout.length` numbers; null where none is kept. */
  readonly average: number | null;
  /** The gradient sum of the micro-steps before the last, laid out like a slot; null where a step has one. */
  readonly accumulator: number | null;
  readonly slots: readonly number[];
  readonly arenas: readonly number[];
  /** Room for a chunk of the arrays that an update changes, one a range; see journaled-update.ts. */
  readonly journals: readonly number[];
  /** Bytes of each arena. */
  readonly arenaBytes: number;
}
