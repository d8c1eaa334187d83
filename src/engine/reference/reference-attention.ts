/** Additive attention in float64, each step as its formula reads. */
import type { AttentionGradients, AttentionMemory, AttentionStep } from '../../tensor/ops.js';
import { alivePositions, type StepPlan } from '../../tensor/step-plan.js';
import { matrix, type ReferenceMatrix, sigmoid } from './reference-matrix.js';

type M = ReferenceMatrix;

export function attend(
  { positions: L, grid, projected, scorer }: AttentionMemory<M>,
  query: M,
  gate: M,
): AttentionStep<M> {
  const [A, C] = [projected.columns, grid.columns];
  const weights = matrix(query.rows, L);
  const context = matrix(query.rows, C);
  for (let r = 0; r < query.rows; r++) {
    const scores = new Float64Array(L);
    for (let l = 0; l < L; l++) {
      for (let j = 0; j < A; j++) {
        scores[l]! += scorer.data[j]! * Math.tanh(projected.data[(r * L + l) * A + j]! + query.data[r * A + j]!);
      }
    }
    const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
    const beta = sigmoid(gate.data[r]!);
    for (let l = 0; l < L; l++) {
      const weight = Math.exp(scores[l]! - largest) / sum;
      weights.data[r * L + l] = weight;
      for (let k = 0; k < C; k++) context.data[r * C + k]! += beta * weight * grid.data[(r * L + l) * C + k]!;
    }
  }
  return { query, gate, context, weights };
}

export function attendBackward(
  { positions: L, grid, projected, scorer }: AttentionMemory<M>,
  { query, gate, weights }: AttentionStep<M>,
  dcontext: M,
  dweights: M | null,
  dprojectedNext: M | null,
): AttentionGradients<M> {
  const [A, C] = [projected.columns, grid.columns];
  const { rows } = query;
  const dquery = matrix(rows, A);
  const dgate = matrix(rows, 1);
  const dscorer = matrix(rows, A);
  const dprojected = matrix(rows * L, A);
  if (dprojectedNext) dprojected.data.set(dprojectedNext.data);
  for (let r = 0; r < rows; r++) {
    const beta = sigmoid(gate.data[r]!);
    // The gradient of each weight, first through the sum that the gate multiplies.
    const dweight = new Float64Array(L);
    let dbeta = 0;
    let mean = 0;
    for (let l = 0; l < L; l++) {
      const weight = weights.data[r * L + l]!;
      let dsum = 0;
      for (let k = 0; k < C; k++) dsum += dcontext.data[r * C + k]! * grid.data[(r * L + l) * C + k]!;
      dbeta += weight * dsum;
      dweight[l] = beta * dsum + (dweights?.data[r * L + l] ?? 0);
      mean += weight * dweight[l]!;
    }
    dgate.data[r] = dbeta * beta * (1 - beta);
    for (let l = 0; l < L; l++) {
      const dscore = weights.data[r * L + l]! * (dweight[l]! - mean);
      for (let j = 0; j < A; j++) {
        const at = (r * L + l) * A + j;
        const u = Math.tanh(projected.data[at]! + query.data[r * A + j]!);
        const dsum = dscore * scorer.data[j]! * (1 - u * u);
        dscorer.data[r * A + j]! += dscore * u;
        dquery.data[r * A + j]! += dsum;
        dprojected.data[at]! += dsum;
      }
    }
  }
  return { dquery, dgate, dscorer, dprojected };
}

/** factor · Σ (1 - the sum of a position's weights over the time steps)², over captions and positions. */
export function coverageLoss(plan: StepPlan, weights: M, factor: number): { loss: M; dweights: M } {
  const L = weights.columns;
  const alive = alivePositions(plan);
  const loss = matrix(1, 1);
  const dweights = matrix(weights.rows, L);
  for (let r = 0; r < (plan.live[0] ?? 0); r++) {
    const captionWeight = (plan.weights?.[r] ?? 1) * alive[r]!;
    const own = Array.from(plan.offset.subarray(0, plan.steps), (first) => first + r).filter(
      (row, t) => r < plan.live[t]! && alive[row] === 1,
    );
    for (let l = 0; l < L; l++) {
      const missing = own.reduce((rest, row) => rest - weights.data[row * L + l]!, 1);
      loss.data[0]! += captionWeight * factor * missing ** 2;
      for (const row of own) dweights.data[row * L + l] = -2 * captionWeight * factor * missing;
    }
  }
  return { loss, dweights };
}
