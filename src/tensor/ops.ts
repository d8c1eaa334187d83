/**
 * The operations that models are written on and engines supply.
 *
 * Operations are functional: they take tensor handles and return tensor handles, and nobody reads a value in between, so
 * that an engine may run a program as it stands (reference), plan its buffers (cpu) or trace it once into a GPU plan.
 *
 * Shapes in the comments: n rows of a shard, M packed rows, U input rows, live(t) rows alive at time step t (see
 * step-plan.ts), H hidden, G gate columns, V vocabulary, W word vector, and of a grid L positions, C columns and A
 * columns projected.
 */
import type { DropoutMask } from './dropout-mask.js';
import type { Shape } from './matrix.js';
import type { StepPlan } from './step-plan.js';

export interface GradientOptions {
  /** The result is the gradient of this parameter, so an engine may write it in its final place. */
  readonly gradientOf?: string | undefined;
}

export interface MatmulOptions<T> extends GradientOptions {
  /** Use aᵀ: a is (K,M). */
  readonly transposeA?: boolean;
  /** Use bᵀ: b is (N,K). */
  readonly transposeB?: boolean;
  /** (N) added to every row of the product. */
  readonly bias?: T;
}

/**
 * The generic operations, of which any cell can be made. Each has its backward rule in differentiate.ts, so that a cell
 * written forward on them has a backward too.
 */
export interface CellOps<T> {
  /** (M,K)·(K,N) → (M,N). */
  matmul(a: T, b: T, options?: Pick<MatmulOptions<T>, 'bias'>): T;
  /** a + b, of equal shapes. */
  add(a: T, b: T): T;
  /** a ∘ b, element by element, of equal shapes. */
  multiply(a: T, b: T): T;
  /** factor · a. */
  scale(a: T, factor: number): T;
  /** 1 - a. */
  oneMinus(a: T): T;
  sigmoid(a: T): T;
  tanh(a: T): T;
  /** (M,N) with the row (1,N) added to each of its rows. */
  addRow(a: T, row: T): T;
  /** Columns [first, first + count) of (M,N) → (M,count). */
  columnsOf(a: T, first: number, count: number): T;
  /** Side by side: (M,N₁), (M,N₂), … → (M,N₁+N₂+…). */
  joinColumns(parts: readonly T[]): T;
}

/** What attention over the grids of the images reads at every time step. */
export interface AttentionMemory<T> {
  /** L: vectors of a grid. */
  readonly positions: number;
  /** (rows·L,C) the vectors that contexts are weighted sums of, image by image. */
  readonly grid: T;
  /** (rows·L,A) the same vectors projected, which are compared with the query. */
  readonly projected: T;
  /** (1,A) w: a position scores w·tanh(projected + query). */
  readonly scorer: T;
}

/** A time step of attention: what went in and what came out. */
export interface AttentionStep<T> {
  /** (live(t),A) */
  readonly query: T;
  /** (live(t),1), before its sigmoid. */
  readonly gate: T;
  /** (live(t),C) sigmoid(gate) times the weighted sum of the grid's vectors. */
  readonly context: T;
  /** (live(t),L) softmax of the positions' scores. */
  readonly weights: T;
}

export interface AttentionGradients<T> {
  /** (live(t),A) */
  readonly dquery: T;
  /** (live(t),1) */
  readonly dgate: T;
  /** (live(t)·L,A) of this time step and all later ones. */
  readonly dprojected: T;
  /** (live(t),A) The rows of all time steps sum to the gradient of the scorer. */
  readonly dscorer: T;
}

/** Operations on row-major matrices. A vector is a matrix of one row. */
export interface Ops<T extends Shape> extends CellOps<T> {
  /**
   * The plan in force. An engine that traces reads only its shape (`rows`, `steps`, `live`, `offset`, `tokens`,
   * `inputs`) while tracing; a program reads nothing else of it.
   */
  readonly plan: Pick<StepPlan, 'rows' | 'steps' | 'live' | 'offset' | 'tokens' | 'inputs'>;

  matmul(a: T, b: T, options?: MatmulOptions<T>): T;
  /** (M,N) → (1,N): the sum over rows. */
  columnSums(a: T, options?: GradientOptions): T;
  /** `into` + a, of equal shapes; may overwrite `into`, which is not to be read afterwards. */
  accumulate(into: T, a: T): T;
  /** A matrix of zeros. */
  zeros(rows: number, columns: number): T;
  /** The first `rows` rows of `a`. */
  firstRows(a: T, rows: number): T;
  /** `a` with rows of zeros below, up to `rows`. */
  padRows(a: T, rows: number): T;
  /** Rows of time step t of a packed tensor (M,C) → (live(t),C). */
  stepRows(packed: T, t: number): T;
  /** One tensor a time step, (live(t),C) each, laid one after another → (M,C). */
  pack(steps: readonly T[]): T;

  /** Rows of the embedding table for the plan's input words: (V,W) → (U,W). */
  embed(table: T): T;
  /** Mirrors `embed`: adds gradient row u (U,W) to row `words[u]` of a zero table → (V,W). */
  embedBackward(gradient: T, tableRows: number, options?: GradientOptions): T;
  /**
   * The input row of each live row of time step t: x (U,C) → (live(t),C). A view, which fused cells read through its
   * index and other operations copy first.
   */
  inputRows(x: T, t: number): T;
  /** Mirrors `inputRows` of all time steps: sums the rows of a packed tensor (M,C) that read the same input row → (U,C). */
  sumByInput(packed: T): T;

  /**
   * The mask of inverted dropout for this run's step and rows, to be multiplied with what is to be dropped out, and with
   * its gradient: (live(0),columns) or (M,columns). Only where the run has random numbers, which is while training.
   */
  dropoutMask(mask: DropoutMask): T;

  // The fused time steps may overwrite what is passed on to them alone: `x`, unless it is a view of other rows,
  // `recurrent`, `dhNext` and `dcNext` are not to be read afterwards.

  /** h = tanh(x + r): the step's rows of the input product x and of the recurrent product r, (live(t),H) each. */
  rnnCell(x: T, recurrent: T): T;
  /**
   * Mirrors `rnnCell`: (1 - h²)·(dh + dhNext) → (live(t),H). `dhNext` comes from time step t+1, has live(t+1) rows and
   * counts as zero for the others; null at the last step.
   */
  rnnCellBackward(h: T, dh: T, dhNext: T | null): T;
  /**
   * One LSTM time step on the pre-activation a = x + r (live(t),4H), gates i, f, o, g: c = f·prevC + i·g,
   * h = o·tanh(c). `gates` (live(t),4H) holds the activated gates for the backward step.
   */
  lstmCell(x: T, recurrent: T, prevC: T): { readonly h: T; readonly c: T; readonly gates: T };
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

  /** Each row cut into `parts` rows: (M,parts·N) → (M·parts,N). */
  splitRows(a: T, parts: number): T;
  /** Mirrors `splitRows`: every `parts` rows side by side: (M·parts,N) → (M,parts·N). */
  joinRows(a: T, parts: number): T;

  /** Time step t of additive attention (Bahdanau et al. 2015): row r looks at the grid of row r of the memory. */
  attend(memory: AttentionMemory<T>, query: T, gate: T, t: number): AttentionStep<T>;
  /**
   * Mirrors `attend`, given the gradients of the context and of the weights (null: zero). `dprojectedNext` comes from
   * time step t+1, has live(t+1)·L rows and counts as zero for the others; null at the last step. It is not to be read
   * afterwards. The grid has no gradient.
   */
  attendBackward(
    memory: AttentionMemory<T>,
    step: AttentionStep<T>,
    dcontext: T,
    dweights: T | null,
    dprojectedNext: T | null,
    t: number,
  ): AttentionGradients<T>;
  /**
   * How far each caption's attention is from having looked at every position once over all its time steps: factor times
   * the squared differences of 1 and the sum of its weights at a position, each caption times its weight in the loss.
   * Gives that loss, to be added to another by `add`, and its gradient by the weights (M,L), zero where a caption is over.
   */
  coverageLoss(weights: T, factor: number): { readonly loss: T; readonly dweights: T };

  /**
   * Softmax cross-entropy of scores (M,V) against the plan's targets, each row times its weight, summed over the rows
   * that have a target: loss (1,1) and its gradient by the scores (M,V), zero in rows without a target. May overwrite
   * `scores`.
   *
   * @param labelSmoothing ε (Szegedy et al. 2016), 0 by default: what is to be predicted is the target with probability
   * 1 - ε, and otherwise any word, the target among them
   */
  softmaxLoss(scores: T, labelSmoothing?: number): { readonly loss: T; readonly dscores: T };
  /** As `softmaxLoss` without smoothing, the loss alone. */
  softmaxLossOnly(scores: T): T;
  /** log Σ exp of each row: (M,N) → (M,1), which a row's scores exceed by the logarithms of their softmax. */
  logSumExp(a: T): T;
}
