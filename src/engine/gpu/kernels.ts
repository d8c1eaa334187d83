/**
 * The kernels of the gpu engine, one cell of the result each. gpu.js reads their source text and translates it to WGSL,
 * WebAssembly or plain JavaScript, so a kernel calls nothing but `Math` and the functions in `kernelFunctions`, and
 * takes its loop bounds from its constants. A matrix is read as m[row][column]; thread.y is the row of the result,
 * thread.x its column.
 */

/** What `this` is in a kernel whose constants are named `C`. */
export interface KernelScope<C extends string = never> {
  readonly thread: { readonly x: number; readonly y: number; readonly z: number };
  readonly constants: Readonly<Record<C, number>>;
}

type Matrix = readonly (readonly number[])[];

// The scope is contravariant: a kernel with constants is a kernel, whatever they are called.
// biome-ignore lint/suspicious/noExplicitAny: see the line above
export type KernelFunction = (this: any, ...parameters: any[]) => number;

/**
 * tanh as a quotient of polynomials (the coefficients of Eigen's float32 tanh), within a few units in the last place of
 * float32. WGSL allows its own tanh an error of 1e-5 and lets it overflow to NaN; this is the same everywhere.
 */
export function hyperbolicTangent(x: number): number {
  const z = Math.max(-7.9, Math.min(7.9, x));
  const s = z * z;
  const p = s * (s * (s * -2.76076847742355e-16 + 2.00018790482477e-13) - 8.60467152213735e-11) + 5.12229709037114e-8;
  const numerator = z * (s * (s * (s * p + 1.48572235717979e-5) + 6.37261928875436e-4) + 4.89352455891786e-3);
  const denominator =
    s * (s * (s * 1.19825839466702e-6 + 1.18534705686654e-4) + 2.268434632439e-3) + 4.89352518554385e-3;
  return numerator / denominator;
}

/** Functions that kernels may call, each of numbers to a number. */
export const kernelFunctions = [hyperbolicTangent];

/**
 * (M,K)·(K,N) → (M,N), K = 4·fours + rest. Four products a turn, for less of the loop's overhead and a shorter chain of
 * rounded additions; indices are written out because gpu.js makes a variable of them a float.
 */
export function product(this: KernelScope<'fours' | 'rest'>, a: Matrix, b: Matrix): number {
  let sum = 0;
  for (let k = 0; k < this.constants.fours; k++) {
    sum +=
      a[this.thread.y]![4 * k]! * b[4 * k]![this.thread.x]! +
      a[this.thread.y]![4 * k + 1]! * b[4 * k + 1]![this.thread.x]! +
      (a[this.thread.y]![4 * k + 2]! * b[4 * k + 2]![this.thread.x]! +
        a[this.thread.y]![4 * k + 3]! * b[4 * k + 3]![this.thread.x]!);
  }
  for (let k = 0; k < this.constants.rest; k++) {
    sum += a[this.thread.y]![4 * this.constants.fours + k]! * b[4 * this.constants.fours + k]![this.thread.x]!;
  }
  return sum;
}

export function transpose(this: KernelScope, a: Matrix): number {
  return a[this.thread.x]![this.thread.y]!;
}

/** (M,N) plus (1,N) in every row. */
export function addRow(this: KernelScope, a: Matrix, row: Matrix): number {
  return a[this.thread.y]![this.thread.x]! + row[0]![this.thread.x]!;
}

export function zero(this: KernelScope): number {
  return this.thread.x * 0;
}

/** (M,N) → (1,N). */
export function sumRows(this: KernelScope<'rows'>, a: Matrix): number {
  let sum = 0;
  for (let y = 0; y < this.constants.rows; y++) sum += a[y]![this.thread.x]!;
  return sum;
}

/** Rows of `a` from row `first` on. */
export function rowsFrom(this: KernelScope, a: Matrix, first: number): number {
  return a[first + this.thread.y]![this.thread.x]!;
}

/** How many blocks `stack` lays one below the other: WebGPU grants a kernel eight storage buffers, one for the result. */
export const stackWidth = 7;

/** Blocks of `rows` rows each (the last may have fewer), one below the other. */
export function stack(
  this: KernelScope<'rows'>,
  a: Matrix,
  b: Matrix,
  c: Matrix,
  d: Matrix,
  e: Matrix,
  f: Matrix,
  g: Matrix,
): number {
  const y = this.thread.y;
  const x = this.thread.x;
  const rows = this.constants.rows;
  if (y < rows) return a[y]![x]!;
  if (y < 2 * rows) return b[y - rows]![x]!;
  if (y < 3 * rows) return c[y - 2 * rows]![x]!;
  if (y < 4 * rows) return d[y - 3 * rows]![x]!;
  if (y < 5 * rows) return e[y - 4 * rows]![x]!;
  if (y < 6 * rows) return f[y - 5 * rows]![x]!;
  return g[y - 6 * rows]![x]!;
}

/** Row words[y] of the table. */
export function lookUp(this: KernelScope, table: Matrix, words: Matrix): number {
  return table[words[this.thread.y]![0]!]![this.thread.x]!;
}

/**
 * The sum of the gradient rows of each word: positions (U,1) lists the rows word by word, and the rows of word y are
 * its entries from starts[y] to starts[y + 1].
 */
export function sumByWord(this: KernelScope, gradient: Matrix, positions: Matrix, starts: Matrix): number {
  const x = this.thread.x;
  const start = starts[this.thread.y]![0]!;
  const rows = starts[this.thread.y + 1]![0]! - start;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    sum += gradient[positions[start + i]![0]!]![x]!;
  }
  return sum;
}

/** tanh(x + r), where x is read from row `first` on. */
export function rnnState(this: KernelScope, x: Matrix, recurrent: Matrix, first: number): number {
  return hyperbolicTangent(x[first + this.thread.y]![this.thread.x]! + recurrent[this.thread.y]![this.thread.x]!);
}

export function rnnGradient(this: KernelScope, h: Matrix, dh: Matrix, dhNext: Matrix): number {
  const y = this.thread.y;
  const x = this.thread.x;
  return (1 - h[y]![x]! * h[y]![x]!) * (dh[y]![x]! + dhNext[y]![x]!);
}

/** The activated gates (n,4H) of x + r, where x is read from row `first` on; sigmoid(a) = (1 + tanh(a/2)) / 2. */
export function lstmGates(this: KernelScope<'hidden'>, x: Matrix, recurrent: Matrix, first: number): number {
  const column = this.thread.x;
  const a = x[first + this.thread.y]![column]! + recurrent[this.thread.y]![column]!;
  let scale = 0.5;
  if (column >= 3 * this.constants.hidden) scale = 1;
  const value = hyperbolicTangent(scale * a);
  return scale * value + (1 - scale);
}

/** c = f·prevC + i·g. */
export function lstmCellState(this: KernelScope<'hidden'>, gates: Matrix, prevC: Matrix): number {
  const y = this.thread.y;
  const x = this.thread.x;
  const hidden = this.constants.hidden;
  return gates[y]![x + hidden]! * prevC[y]![x]! + gates[y]![x]! * gates[y]![x + 3 * hidden]!;
}

export function tanh(this: KernelScope, a: Matrix): number {
  return hyperbolicTangent(a[this.thread.y]![this.thread.x]!);
}

/** h = o·tanh(c). */
export function lstmHiddenState(this: KernelScope<'hidden'>, gates: Matrix, tanhC: Matrix): number {
  const y = this.thread.y;
  const x = this.thread.x;
  return gates[y]![x + 2 * this.constants.hidden]! * tanhC[y]![x]!;
}

export function add(this: KernelScope, a: Matrix, b: Matrix): number {
  return a[this.thread.y]![this.thread.x]! + b[this.thread.y]![this.thread.x]!;
}

export function multiply(this: KernelScope, a: Matrix, b: Matrix): number {
  return a[this.thread.y]![this.thread.x]! * b[this.thread.y]![this.thread.x]!;
}

/** factor·a + shift. */
export function scaleShift(this: KernelScope, a: Matrix, factor: number, shift: number): number {
  return factor * a[this.thread.y]![this.thread.x]! + shift;
}

/** sigmoid(a) = (1 + tanh(a/2)) / 2. */
export function sigmoid(this: KernelScope, a: Matrix): number {
  return 0.5 + 0.5 * hyperbolicTangent(0.5 * a[this.thread.y]![this.thread.x]!);
}

/** Each row of (M,N) times its number in (M,1). */
export function timesColumn(this: KernelScope, a: Matrix, column: Matrix): number {
  return a[this.thread.y]![this.thread.x]! * column[this.thread.y]![0]!;
}

/** Columns of `a` from column `first` on. */
export function columnsFrom(this: KernelScope, a: Matrix, first: number): number {
  return a[this.thread.y]![first + this.thread.x]!;
}

/** `b` to the right of `a`, which has `columns` columns. */
export function besides(this: KernelScope<'columns'>, a: Matrix, b: Matrix): number {
  const x = this.thread.x;
  if (x < this.constants.columns) return a[this.thread.y]![x]!;
  return b[this.thread.y]![x - this.constants.columns]!;
}

/** The gradient of c from above and through h = o·tanh(c): dcNext + dh·o·(1 - tanh²c). */
export function lstmCellStateGradient(
  this: KernelScope<'hidden'>,
  gates: Matrix,
  tanhC: Matrix,
  dh: Matrix,
  dcNext: Matrix,
): number {
  const y = this.thread.y;
  const x = this.thread.x;
  return dcNext[y]![x]! + dh[y]![x]! * gates[y]![x + 2 * this.constants.hidden]! * (1 - tanhC[y]![x]! * tanhC[y]![x]!);
}

/** The gradient of the pre-activation (n,4H) of the gates. */
export function lstmGatesGradient(
  this: KernelScope<'hidden'>,
  gates: Matrix,
  prevC: Matrix,
  tanhC: Matrix,
  dh: Matrix,
  dc: Matrix,
): number {
  const y = this.thread.y;
  const x = this.thread.x;
  const hidden = this.constants.hidden;
  const gate = gates[y]![x]!;
  if (x < hidden) return dc[y]![x]! * gates[y]![x + 3 * hidden]! * gate * (1 - gate);
  if (x < 2 * hidden) return dc[y]![x - hidden]! * prevC[y]![x - hidden]! * gate * (1 - gate);
  if (x < 3 * hidden) return dh[y]![x - 2 * hidden]! * tanhC[y]![x - 2 * hidden]! * gate * (1 - gate);
  return dc[y]![x - 3 * hidden]! * gates[y]![x - 3 * hidden]! * (1 - gate * gate);
}

/** The gradient of the previous cell state: dc·f. */
export function lstmPrevCellStateGradient(this: KernelScope<'hidden'>, gates: Matrix, dc: Matrix): number {
  return gates[this.thread.y]![this.thread.x + this.constants.hidden]! * dc[this.thread.y]![this.thread.x]!;
}

/** log Σ exp(score) of each row (M,1), with the largest score subtracted first so that nothing overflows. */
export function logSumExp(this: KernelScope<'columns'>, scores: Matrix): number {
  const y = this.thread.y;
  let largest = scores[y]![0]!;
  for (let x = 1; x < this.constants.columns; x++) largest = Math.max(largest, scores[y]![x]!);
  let sum = 0;
  for (let x = 0; x < this.constants.columns; x++) sum += Math.exp(scores[y]![x]! - largest);
  return largest + Math.log(sum);
}

/** The cross-entropy of each row (M,1), zero where the target is -1. */
export function crossEntropy(this: KernelScope, scores: Matrix, normaliser: Matrix, targets: Matrix): number {
  const y = this.thread.y;
  const target = targets[y]![0]!;
  if (target < 0) return 0;
  return normaliser[y]![0]! - scores[y]![target]!;
}

/** As `crossEntropy`, of the target with 1 - smoothing and of each word with smoothing / columns. */
export function smoothedCrossEntropy(
  this: KernelScope<'columns'>,
  scores: Matrix,
  normaliser: Matrix,
  targets: Matrix,
  smoothing: number,
): number {
  const y = this.thread.y;
  const target = targets[y]![0]!;
  if (target < 0) return 0;
  let below = 0;
  for (let x = 0; x < this.constants.columns; x++) below += normaliser[y]![0]! - scores[y]![x]!;
  return (1 - smoothing) * (normaliser[y]![0]! - scores[y]![target]!) + (smoothing * below) / this.constants.columns;
}

/** softmax(scores) less `onEach`, and less `onTarget` at the target; zero in rows whose target is -1. */
export function crossEntropyGradient(
  this: KernelScope,
  scores: Matrix,
  normaliser: Matrix,
  targets: Matrix,
  onTarget: number,
  onEach: number,
): number {
  const y = this.thread.y;
  const x = this.thread.x;
  const target = targets[y]![0]!;
  if (target < 0) return 0;
  const probability = Math.exp(scores[y]![x]! - normaliser[y]![0]!);
  if (x === target) return probability - onEach - onTarget;
  return probability - onEach;
}
