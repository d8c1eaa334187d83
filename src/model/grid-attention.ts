/** Attention of a captioner to the grids of its images: what it is given, what decoding keeps of it, what it adds to the loss. */
import { UserError } from '../errors.js';
import type { GradientSink } from '../tensor/gradient-sink.js';
import type { Named, Shape } from '../tensor/matrix.js';
import type { Dimensions } from '../tensor/model-spec.js';
import type { Ops } from '../tensor/ops.js';
import type { CaptionerOptions } from './captioner-options.js';
import { affine } from './layers/affine.js';
import { type Attention, type AttentionAbove, additiveAttention } from './layers/attention.js';

export interface GridShape {
  /** L: vectors of a grid. */
  readonly positions: number;
  /** C: columns of each. */
  readonly columns: number;
  /** A: columns of each when it is projected. */
  readonly projected: number;
}

/**
 * The grid that the captioner looks at; null where it looks at none.
 *
 * @throws UserError when the data has a grid and the model does not look at it, or the other way round
 */
export function gridOf(
  { attention, attentionDim, hiddenDim }: CaptionerOptions,
  { inputs, positions }: Dimensions,
): GridShape | null {
  const L = positions?.grid;
  if (attention === 'none') {
    if (inputs.grid === undefined) return null;
    throw new UserError(
      'model.attention is none, and the data has a grid that nothing would look at. Set model.attention=additive or ' +
        'data.grid=false.',
    );
  }
  if (inputs.grid === undefined || L === undefined) {
    throw new UserError(
      `model.attention is ${attention}, and the data has no grid to look at. Set data.grid=true or model.attention=none.`,
    );
  }
  return { positions: L, columns: inputs.grid / L, projected: attentionDim ?? hiddenDim };
}

/** Columns of what decoding keeps of an image's grid: the grid and its projection. */
export function keptColumns({ positions, columns, projected }: GridShape): Named<number> {
  return { grid: positions * columns, projectedGrid: positions * projected };
}

/** @param grid (n,L·C) → grid and projectedGrid (n,L·A) */
export function keptOfGrid<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  { positions }: GridShape,
  grid: T,
): Named<T> {
  const { y } = projection(ops, sink, parameters, ops.splitRows(grid, positions));
  return { grid, projectedGrid: ops.joinRows(y, positions) };
}

/** @param kept what `keptOfGrid` gave */
export function attentionToKept<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  { positions }: GridShape,
  kept: Named<T>,
): Attention<T> {
  const vectors = ops.splitRows(kept.grid!, positions);
  const projected = ops.splitRows(kept.projectedGrid!, positions);
  return additiveAttention(ops, sink, parameters, { positions, grid: vectors, projected }, 0, () => {});
}

/**
 * @param dropoutRate probability that an element of a context is zero
 * @param grid (n,L·C), n the captions alive at the first word
 */
export function attentionToGrid<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  { positions }: GridShape,
  dropoutRate: number,
  grid: T,
): Attention<T> {
  const vectors = ops.splitRows(grid, positions);
  const { y: projected, backward } = projection(ops, sink, parameters, vectors);
  return additiveAttention(ops, sink, parameters, { positions, grid: vectors, projected }, dropoutRate, backward);
}

/** vectors (n·L,C) → (n·L,A) */
function projection<T extends Shape>(ops: Ops<T>, sink: GradientSink<T>, parameters: Named<T>, vectors: T) {
  return affine(ops, sink, parameters, ['W_grid', 'b_att'], vectors);
}

/** The doubly stochastic term (Xu et al. 2015, section 4.2.1), where its factor is not zero. */
export function withCoverage<T extends Shape>(
  ops: Ops<T>,
  attention: Attention<T> | null,
  factor: number,
  loss: T,
): { readonly loss: T } & Pick<AttentionAbove<T>, 'dweights'> {
  if (!attention || factor === 0) return { loss, dweights: null };
  const coverage = ops.coverageLoss(attention.weights(), factor);
  return { loss: ops.add(loss, coverage.loss), dweights: coverage.dweights };
}
