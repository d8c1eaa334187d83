/** What a training step costs in floating-point operations of its matrix products, a multiplication and an addition each one. */
import { gateColumns, type ModelShape } from './parameters.js';
import type { StepPlan } from './step-plan.js';

/** Forward and backward of one shard, with only the rows and words that its plan has. */
export function productOperations(shape: ModelShape, plan: Pick<StepPlan, 'live' | 'tokens' | 'inputs'>): number {
  const { featureDim: D, wordDim: W, hiddenDim: H, vocabSize: V } = shape;
  const G = gateColumns(shape);
  const projection = (plan.live[0] ?? 0) * D * H;
  const input = plan.inputs * W * G;
  const recurrent = plan.tokens * H * G;
  const vocabulary = plan.tokens * H * V;
  // Backward is twice forward, but for the projection, whose input needs no gradient.
  return 2 * (2 * projection + 3 * (input + recurrent + vocabulary));
}
