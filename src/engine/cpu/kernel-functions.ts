/**
 * What the WebAssembly SIMD kernels of the cpu engine compute (sources in wasm/), on the memory that all threads share.
 *
 * Every operand is a byte offset into that memory, a multiple of 4, up to 4 GiB. Matrices are row-major float32 unless
 * said otherwise; a leading dimension (lda, ldb, ldc) is the distance between rows in elements. Kernels read and write
 * nothing outside their operands, and the same input gives the same bits.
 */

/** 1 for true, 0 for false. */
export type Flag = 0 | 1;

export interface KernelFunctions {
  /**
   * C = op(A)·op(B), plus C itself if `accumulate`, plus `bias` (N) in every row unless it is 0.
   *
   * @param transA A is stored (K,M)
   * @param transB B is stored (N,K)
   * @param scratch `sgemmScratchBytes` bytes that no other thread uses meanwhile
   */
  sgemm(
    transA: Flag,
    transB: Flag,
    M: number,
    N: number,
    K: number,
    a: number,
    lda: number,
    b: number,
    ldb: number,
    accumulate: Flag,
    c: number,
    ldc: number,
    bias: number,
    scratch: number,
  ): void;
  /** Lays op(B) (K,N) out for `sgemmPacked`, in `packedBytes(N, K)` bytes. */
  packB(transB: Flag, N: number, K: number, b: number, ldb: number, packed: number): void;
  /** As `sgemm`, with B packed beforehand; worth it when B is used more than once. */
  sgemmPacked(
    transA: Flag,
    M: number,
    N: number,
    K: number,
    a: number,
    lda: number,
    packed: number,
    accumulate: Flag,
    c: number,
    ldc: number,
    bias: number,
    scratch: number,
  ): void;

  zero(at: number, bytes: number): void;
  copy(src: number, dst: number, bytes: number): void;
  /** dst (columns,rows) = the transpose of src (rows,columns). */
  transpose(src: number, rows: number, columns: number, dst: number): void;
  /** dst (n) += src (n). */
  addTo(dst: number, src: number, n: number): void;
  /** out (n) = a + b, out = a · b and out = factor · a + shift. */
  add(a: number, b: number, out: number, n: number): void;
  multiply(a: number, b: number, out: number, n: number): void;
  scaleShift(a: number, factor: number, shift: number, out: number, n: number): void;
  /** out (rows,columns) = a with `row` (columns) added to each of its rows. */
  addRow(a: number, row: number, rows: number, columns: number, out: number): void;
  /**
   * out (rows,columns) = the dropout mask of tensor/dropout-mask.ts, whose row r has the address rowOf[r], positionOf[r]
   * (int32): 0 where the random word is below `threshold`, else `scale`.
   */
  dropoutMask(
    rowOf: number,
    positionOf: number,
    rows: number,
    columns: number,
    key0: number,
    key1: number,
    step: number,
    threshold: number,
    scale: number,
    out: number,
  ): void;
  /** Copies `columns` columns of each row; ldSrc and ldDst are the distances between rows in elements. */
  copyColumns(src: number, ldSrc: number, dst: number, ldDst: number, rows: number, columns: number): void;
  /** out (columns) = the sum over rows, added in rising order. */
  columnSums(a: number, rows: number, columns: number, lda: number, out: number): void;
  /** out row r = table row indices[r]; indices are int32. */
  gatherRows(table: number, indices: number, rows: number, columns: number, out: number): void;
  /** out row indices[r] = src row r; the indices are distinct int32. */
  scatterRows(src: number, indices: number, rows: number, columns: number, out: number): void;
  /** out row indices[r] = 0. */
  zeroRows(indices: number, rows: number, columns: number, out: number): void;
  /** out (inputs,columns) = for each input the sum of the packed rows that read it, added in rising order. */
  sumByInput(packed: number, inputOf: number, rows: number, columns: number, inputs: number, out: number): void;

  /** h (rows,H) = tanh(x[inputOf] + r). `h` may be `r`. */
  rnnCell(x: number, inputOf: number, r: number, h: number, rows: number, H: number): void;
  /** da = (1 - h²)·(dh + dhNext), dhNext (nextRows,H) or 0. `da` may be `dh`. */
  rnnCellBackward(h: number, dh: number, dhNext: number, nextRows: number, da: number, rows: number, H: number): void;
  /**
   * One LSTM step; gates (rows,4H) in the order i, f, o, g hold the recurrent pre-activation on entry and the activated
   * gates afterwards; x (inputs,4H) is added from input row `inputOf`. `c` may be `prevC`.
   */
  lstmCell(
    x: number,
    inputOf: number,
    gates: number,
    prevC: number,
    c: number,
    h: number,
    rows: number,
    H: number,
  ): void;
  /** Mirrors `lstmCell`: da (rows,4H) and dc (rows,H). dhNext and dcNext are (nextRows,H) or 0. `da` may be `gates`. */
  lstmCellBackward(
    gates: number,
    prevC: number,
    c: number,
    dh: number,
    dhNext: number,
    dcNext: number,
    nextRows: number,
    da: number,
    dc: number,
    rows: number,
    H: number,
  ): void;

  /** dst (n) = e^(2·src). */
  expTwice(src: number, dst: number, n: number): void;
  /**
   * A time step of attention: weights (rows,L) = softmax of scorer·tanh(projected + query), context (rows,C) =
   * sigmoid(gate)·(weights times grid). projected and exponentials, e^(2·projected), are (rows·L,A), grid (rows·L,C),
   * query (rows,A), gate (rows), scratch (A).
   */
  attend(
    projected: number,
    exponentials: number,
    grid: number,
    scorer: number,
    query: number,
    gate: number,
    weights: number,
    context: number,
    rows: number,
    L: number,
    A: number,
    C: number,
    scratch: number,
  ): void;
  /**
   * Mirrors `attend`; `dweights` may be 0. The gradient of the first nextRows rows is added to what dprojected
   * (rows·L,A) holds. The sum of dscorer (rows,A) over all rows is the scorer's gradient. scratch (2·(A + 3) + L).
   */
  attendBackward(
    projected: number,
    exponentials: number,
    grid: number,
    scorer: number,
    query: number,
    gate: number,
    weights: number,
    context: number,
    dcontext: number,
    dweights: number,
    dquery: number,
    dgate: number,
    dscorer: number,
    dprojected: number,
    nextRows: number,
    rows: number,
    L: number,
    A: number,
    C: number,
    scratch: number,
  ): void;
  /**
   * factor·Σ (1 - sums)² of sums (rows,L), each row times its weight, or 1 where `captionWeights` is 0. The sums become
   * its gradient.
   */
  coverageLoss(sums: number, captionWeights: number, factor: number, rows: number, L: number): number;

  /**
   * Sum of the softmax cross-entropies of the rows whose int32 target is not -1, each times its weight, or 1 where
   * `weights` is 0. With gradient, scores (rows,V) become softmax minus what is to be predicted, times the weight, and
   * zero in rows without a target; without, scores stay. To be predicted is the target with 1 - smoothing, and each word
   * with smoothing/V.
   */
  softmaxLoss(
    scores: number,
    targets: number,
    weights: number,
    rows: number,
    V: number,
    smoothing: number,
    withGradient: Flag,
  ): number;
  /** out (rows): log Σ exp of each row of scores (rows,columns). */
  logSumExp(scores: number, rows: number, columns: number, out: number): void;

  // The update rules, formulas in tensor/update-rules.ts. All of them take elements [from, to), and how the elements are
  // split into calls changes no bit. `slots` is the offset of an array of `slotCount` uint32, the byte offset of each
  // array that is summed, in order. g is the sum over `divisor`, cut to [-limit, limit], plus decay·w.

  /** m = β1·m + (1-β1)·g, v = β2·v + (1-β2)·g², w = keep·w - stepSize·m/(√v + ε). */
  adam(
    parameters: number,
    m: number,
    v: number,
    slots: number,
    slotCount: number,
    from: number,
    to: number,
    divisor: number,
    limit: number,
    decay: number,
    keep: number,
    stepSize: number,
    beta1: number,
    beta2: number,
    epsilon: number,
  ): void;
  /** velocity = momentum·velocity - stepSize·g, w += velocity, or momentum·velocity - stepSize·g if `nesterov`. */
  momentum(
    parameters: number,
    velocity: number,
    slots: number,
    slotCount: number,
    from: number,
    to: number,
    divisor: number,
    limit: number,
    decay: number,
    stepSize: number,
    momentum: number,
    nesterov: Flag,
  ): void;
  /** square = kept·square + added·g², w -= stepSize·g/(√square + ε). */
  rootOfSquares(
    parameters: number,
    square: number,
    slots: number,
    slotCount: number,
    from: number,
    to: number,
    divisor: number,
    limit: number,
    decay: number,
    stepSize: number,
    kept: number,
    added: number,
    epsilon: number,
  ): void;
  /** out = the sum of the slots; `out` may be one of them. */
  addSlots(out: number, slots: number, slotCount: number, from: number, to: number): void;
  /** average = keep·average + (1 - keep)·parameters */
  moveAverage(average: number, parameters: number, from: number, to: number, keep: number): void;
  /** The sum, in float64, of the squares of the slots' sums. */
  sumOfSquares(slots: number, slotCount: number, from: number, to: number): number;
  /**
   * Copies elements [from, to), a multiple of 16, of each array to `out`, one behind the other; the result has no meaning.
   *
   * @param arrays offset of an array of `arrayCount` uint32, the byte offset of each array
   */
  saveState(
    arrays: number,
    arrayCount: number,
    slots: number,
    slotCount: number,
    from: number,
    to: number,
    out: number,
  ): number;
  /** NaN or Infinity if one is among them. */
  largestMagnitude(at: number, count: number): number;

  /** bfloat16 (rows,columns), rounded to nearest, ties to even; strides in elements. */
  toBf16(src: number, srcStride: number, dst: number, dstStride: number, rows: number, columns: number): void;

  /** Element-wise over n floats, relative error below 3e-7. */
  vexp(src: number, dst: number, n: number): void;
  vtanh(src: number, dst: number, n: number): void;
  vsigmoid(src: number, dst: number, n: number): void;
}
