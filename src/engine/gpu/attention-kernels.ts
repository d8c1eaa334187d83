/**
 * The kernels of attention over grids; see kernels.ts for how a kernel is written. The grid of image y has L `positions`
 * and lies in rows y·L to y·L + L - 1.
 */
import type { KernelScope } from './kernels.js';

type Matrix = readonly (readonly number[])[];

/** Each row cut into `parts` rows of `columns` columns. */
export function splitRows(this: KernelScope<'parts' | 'columns'>, a: Matrix): number {
  const row = Math.floor(this.thread.y / this.constants.parts);
  const part = this.thread.y - row * this.constants.parts;
  return a[row]![part * this.constants.columns + this.thread.x]!;
}

/** Every `parts` rows of `columns` columns side by side. */
export function joinRows(this: KernelScope<'parts' | 'columns'>, a: Matrix): number {
  const part = Math.floor(this.thread.x / this.constants.columns);
  return a[this.thread.y * this.constants.parts + part]![this.thread.x - part * this.constants.columns]!;
}

/** Each image's row of the query added to all positions of its grid: (rows·L,A). */
export function addQuery(this: KernelScope<'positions'>, projected: Matrix, query: Matrix): number {
  const row = Math.floor(this.thread.y / this.constants.positions);
  return projected[this.thread.y]![this.thread.x]! + query[row]![this.thread.x]!;
}

/** scorer·u of each position (rows,L), u (rows·L,A). */
export function positionScores(this: KernelScope<'positions' | 'columns'>, u: Matrix, scorer: Matrix): number {
  const at = this.thread.y * this.constants.positions + this.thread.x;
  let sum = 0;
  for (let j = 0; j < this.constants.columns; j++) sum += u[at]![j]! * scorer[0]![j]!;
  return sum;
}

/** Softmax of each row, given its normaliser (rows,1). */
export function softmaxWeights(this: KernelScope, scores: Matrix, normaliser: Matrix): number {
  return Math.exp(scores[this.thread.y]![this.thread.x]! - normaliser[this.thread.y]![0]!);
}

/** beta (rows,1) times the weighted sum of the grid's vectors (rows,C). */
export function weightedContext(this: KernelScope<'positions'>, weights: Matrix, grid: Matrix, beta: Matrix): number {
  const y = this.thread.y;
  let sum = 0;
  for (let l = 0; l < this.constants.positions; l++) {
    sum += weights[y]![l]! * grid[y * this.constants.positions + l]![this.thread.x]!;
  }
  return beta[y]![0]! * sum;
}

/** The gradient of each weight (rows,L) through the context. */
export function weightGradient(
  this: KernelScope<'positions' | 'columns'>,
  dcontext: Matrix,
  grid: Matrix,
  beta: Matrix,
): number {
  const y = this.thread.y;
  const at = y * this.constants.positions + this.thread.x;
  let sum = 0;
  for (let k = 0; k < this.constants.columns; k++) sum += dcontext[y]![k]! * grid[at]![k]!;
  return beta[y]![0]! * sum;
}

/** The gradient of the gate before its sigmoid (rows,1): (1 - beta) times the product of context and its gradient. */
export function gateGradient(this: KernelScope<'columns'>, dcontext: Matrix, context: Matrix, beta: Matrix): number {
  const y = this.thread.y;
  let sum = 0;
  for (let k = 0; k < this.constants.columns; k++) sum += dcontext[y]![k]! * context[y]![k]!;
  return (1 - beta[y]![0]!) * sum;
}

/** The gradient of the scores (rows,L), given that of the weights. */
export function scoreGradient(this: KernelScope<'positions'>, weights: Matrix, dweights: Matrix): number {
  const y = this.thread.y;
  let mean = 0;
  for (let l = 0; l < this.constants.positions; l++) mean += weights[y]![l]! * dweights[y]![l]!;
  return weights[y]![this.thread.x]! * (dweights[y]![this.thread.x]! - mean);
}

/** The gradient of the projection (rows·L,A) of one time step. */
export function projectionGradient(this: KernelScope<'positions'>, dscores: Matrix, u: Matrix, scorer: Matrix): number {
  const y = this.thread.y;
  const x = this.thread.x;
  const row = Math.floor(y / this.constants.positions);
  const dscore = dscores[row]![y - row * this.constants.positions]!;
  return dscore * scorer[0]![x]! * (1 - u[y]![x]! * u[y]![x]!);
}

/** The sum over each image's positions: (rows·L,A) → (rows,A). */
export function sumOfPositions(this: KernelScope<'positions'>, a: Matrix): number {
  let sum = 0;
  for (let l = 0; l < this.constants.positions; l++) {
    sum += a[this.thread.y * this.constants.positions + l]![this.thread.x]!;
  }
  return sum;
}

/** What each row adds to the scorer's gradient (rows,A). */
export function scorerGradient(this: KernelScope<'positions'>, dscores: Matrix, u: Matrix): number {
  const y = this.thread.y;
  let sum = 0;
  for (let l = 0; l < this.constants.positions; l++) {
    sum += dscores[y]![l]! * u[y * this.constants.positions + l]![this.thread.x]!;
  }
  return sum;
}

/** 1 less the sum of each caption's weights over its time steps (rows,L), zero for a caption without a target. */
export function missingCoverage(this: KernelScope<'rows' | 'steps'>, weights: Matrix, alive: Matrix): number {
  const y = this.thread.y;
  let rest = 1;
  for (let t = 0; t < this.constants.steps; t++) {
    rest -= alive[t * this.constants.rows + y]![0]! * weights[t * this.constants.rows + y]![this.thread.x]!;
  }
  return alive[y]![0]! * rest;
}

/** factor·Σ missing² in the row of each caption's first time step (M,1), zero in the others. */
export function coverageLosses(this: KernelScope<'rows' | 'positions'>, missing: Matrix, factor: number): number {
  const y = this.thread.y;
  if (y >= this.constants.rows) return 0;
  let sum = 0;
  for (let l = 0; l < this.constants.positions; l++) sum += missing[y]![l]! * missing[y]![l]!;
  return factor * sum;
}

/** The gradient of the weights of every packed row (M,L). */
export function coverageGradient(this: KernelScope<'rows'>, missing: Matrix, alive: Matrix, factor: number): number {
  const y = this.thread.y;
  const caption = y - Math.floor(y / this.constants.rows) * this.constants.rows;
  return -2 * factor * alive[y]![0]! * missing[caption]![this.thread.x]!;
}
