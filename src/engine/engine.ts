/**
 * The contract between the model, which is written once, and the engines, which supply the arithmetic.
 *
 * A *program* is a function of tensor handles to tensor handles. It is made of the operations in `Ops` and never reads
 * a value, so that an engine may run it as it stands (reference), plan its buffers (cpu) or trace it once into a GPU
 * plan (gpu).
 *
 * Shapes in the comments: n rows of a shard, M packed rows, U input rows, live(t) rows alive at time step t (see
 * model/step-plan.ts), H hidden, G = H or 4H gate columns, V vocabulary, W word vector.
 */
import type { ParameterLayout, ParameterName, Parameters } from '../model/parameters.js';
import type { StepPlan } from '../model/step-plan.js';

export type NumberArray = Float32Array | Float64Array;
export type Precision = 'float32' | 'float64';

export interface MatmulOptions<T> {
  /** Use aᵀ: a is (K,M). */
  readonly transposeA?: boolean;
  /** Use bᵀ: b is (N,K). */
  readonly transposeB?: boolean;
  /** (N) added to every row of the product. */
  readonly bias?: T;
  /** The result is the gradient of this parameter, so an engine may write it in its final place. */
  readonly gradientOf?: ParameterName;
}

export interface GradientOptions {
  readonly gradientOf?: ParameterName;
}

/** Operations on row-major matrices. A vector is a matrix of one row. */
export interface Ops<T> {
  /**
   * The plan in force. An engine that traces reads only its shape (`rows`, `steps`, `live`, `offset`, `tokens`,
   * `inputs`) while tracing; a program reads nothing else of it.
   */
  readonly plan: Pick<StepPlan, 'rows' | 'steps' | 'live' | 'offset' | 'tokens' | 'inputs'>;

  /** (M,K)·(K,N) → (M,N). */
  matmul(a: T, b: T, options?: MatmulOptions<T>): T;
  /** (M,N) → (1,N): the sum over rows. */
  columnSums(a: T, options?: GradientOptions): T;
  /** A matrix of zeros. */
  zeros(rows: number, columns: number): T;
  /** The first `rows` rows of `a`. */
  firstRows(a: T, rows: number): T;
  /** Rows of time step t of a packed tensor (M,C) → (live(t),C). */
  stepRows(packed: T, t: number): T;
  /** One tensor a time step, (live(t),C) each, laid one after another → (M,C). */
  pack(steps: readonly T[]): T;

  /** Rows of the embedding table for the plan's input words: (V,W) → (U,W). */
  embed(table: T): T;
  /** Mirrors `embed`: adds gradient row u (U,W) to row `words[u]` of a zero table → (V,W). */
  embedBackward(gradient: T, tableRows: number, options?: GradientOptions): T;
  /** Sums the rows of a packed tensor (M,C) that read the same input row → (U,C). */
  sumByInput(packed: T): T;

  // The time steps' operations may overwrite what is passed on to them alone: `recurrent`, `dhNext` and `dcNext` are not to
  // be read afterwards.

  /** h = tanh(x + r): input row `inputOf` of x (U,H) for each live row of step t, plus r (live(t),H) → (live(t),H). */
  rnnCell(t: number, x: T, recurrent: T): T;
  /**
   * Mirrors `rnnCell`: (1 - h²)·(dh + dhNext) → (live(t),H). `dhNext` comes from time step t+1, has live(t+1) rows and
   * counts as zero for the others; null at the last step.
   */
  rnnCellBackward(h: T, dh: T, dhNext: T | null): T;
  /**
   * One LSTM time step on the pre-activation a = x + r (live(t),4H), gates i, f, o, g: c = f·prevC + i·g,
   * h = o·tanh(c). `gates` (live(t),4H) holds the activated gates for the backward step.
   */
  lstmCell(t: number, x: T, recurrent: T, prevC: T): { readonly h: T; readonly c: T; readonly gates: T };
  /**
   * Mirrors `lstmCell`: gradients of the pre-activation da (live(t),4H) and of prevC dc (live(t),H). `dhNext` and
   * `dcNext` come from time step t+1, have live(t+1) rows and count as zero for the others; null at the last step.
   */
  lstmCellBackward(
    gates: T,
    prevC: T,
    c: T,
    dh: T,
    dhNext: T | null,
    dcNext: T | null,
  ): { readonly da: T; readonly dc: T };

  /**
   * Softmax cross-entropy of scores (M,V) against the plan's targets, summed over the rows that have one: loss (1,1)
   * and its gradient by the scores (M,V), zero in rows without a target. May overwrite `scores`.
   */
  softmaxLoss(scores: T): { readonly loss: T; readonly dscores: T };
  /** As `softmaxLoss`, the loss alone. */
  softmaxLossOnly(scores: T): T;
  /** Column of the largest element of each row, the first of equals: (M,N) → (M,1), as numbers. */
  argmax(a: T): T;
}

/** Named tensors a program is given beside the parameters, and may return beside the gradients. */
export type TensorName = 'features' | 'h' | 'c' | 'words';
export type Tensors<T> = Readonly<Partial<Record<TensorName, T>>>;

export interface ProgramOutputs<T> {
  /** (1,1) */
  readonly loss?: T;
  readonly gradients?: Parameters<T>;
  readonly tensors?: Tensors<T>;
}

export type Program = <T>(ops: Ops<T>, parameters: Parameters<T>, tensors: Tensors<T>) => ProgramOutputs<T>;

export interface Matrix {
  readonly data: NumberArray;
  readonly rows: number;
  readonly columns: number;
}

export interface RunRequest {
  /** Whose gradient slot and working memory the run uses; no two runs of one shard at the same time. */
  readonly shard: number;
  readonly plan: StepPlan;
  /** Rows in the plan's order. */
  readonly tensors: Tensors<Matrix>;
}

export interface RunResult {
  /** The sum over the shard's tokens, not divided by anything; 0 if the program returns none. */
  readonly loss: number;
  /** Fresh copies. Gradients are not here: they are in the shard's slot. */
  readonly tensors: Tensors<Matrix>;
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

/** What Adam needs to know of one step; the bias corrections are in `stepSize`. */
export interface AdamStep {
  /** lr · √(1-β2^t) / (1-β1^t). */
  readonly stepSize: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Divides the sum of the slots: captions in the whole minibatch. */
  readonly divisor: number;
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

/** An engine inside one worker thread, working on the memory all workers share. */
export interface Engine {
  readonly description: EngineDescription;
  /** `packed` plans skip finished captions; a `padded` plan has a static shape. */
  readonly planKind: 'packed' | 'padded';
  /** Readies a program. Called once a program and worker, before its first run. */
  prepare(program: Program, limits: ProgramLimits): Executable;
  /**
   * Adds the slots of all shards in shard order, divides by `divisor` and applies Adam in place, for elements
   * [from, to) of the flat parameter array.
   */
  adam(step: AdamStep, from: number, to: number): void;
  /**
   * Copies elements [from, to), multiples of 16, of parameters, m and v to byte offset `at` of the shared memory, one
   * behind the other.
   */
  saveState(from: number, to: number, at: number): void;
  /** The largest magnitude in elements [from, to) of a shard's gradient; NaN or Infinity if one is in it. */
  largestGradient(shard: number, from: number, to: number): number;
  dispose(): void | Promise<void>;
}

/** Everything an engine is made from; plain data and shared memory, so that it can be handed to a worker thread. */
export interface EngineSetup {
  readonly memory: SharedMemory;
}

/**
 * The memory all threads share: parameters, Adam's moments, one gradient slot a shard and one arena a shard for what an
 * engine computes on the way. A shared WebAssembly.Memory, so that kernels in WebAssembly work on it without copying.
 */
export interface SharedMemory {
  readonly memory: WebAssembly.Memory;
  readonly precision: Precision;
  readonly parameterLayout: ParameterLayout;
  readonly shards: number;
  /** Byte offsets, each a multiple of 64. */
  readonly parameters: number;
  readonly m: number;
  readonly v: number;
  readonly slots: readonly number[];
  readonly arenas: readonly number[];
  /** Room for a chunk of parameters and moments, one a range of an update; see training/journaled-update.ts. */
  readonly journals: readonly number[];
  /** Bytes of each arena. */
  readonly arenaBytes: number;
}
