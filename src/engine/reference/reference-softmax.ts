/** The softmax of scores in float64: the cross-entropy against a plan's targets, and the logarithm of its sum. */
import type { StepPlan } from '../../tensor/step-plan.js';
import { matrix, type ReferenceMatrix } from './reference-matrix.js';

type M = ReferenceMatrix;

export function softmaxLoss(plan: StepPlan, scores: M, labelSmoothing: number): { loss: M; dscores: M } {
  const dscores = matrix(scores.rows, scores.columns);
  const loss = matrix(1, 1);
  const V = scores.columns;
  plan.targets.forEach((target, row) => {
    if (target < 0) return;
    const weight = plan.weights?.[row] ?? 1;
    const rowScores = scores.data.subarray(row * V, (row + 1) * V);
    const largest = rowScores.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = rowScores.reduce((total, score) => total + Math.exp(score - largest), 0);
    const onTarget = 1 - labelSmoothing;
    const onEach = labelSmoothing / V;
    const below = labelSmoothing > 0 ? rowScores.reduce((total, score) => total + (score - largest), 0) : 0;
    loss.data[0]! += weight * (Math.log(sum) - onTarget * (rowScores[target]! - largest) - onEach * below);
    for (let j = 0; j < V; j++) {
      dscores.data[row * V + j] = (weight * Math.exp(rowScores[j]! - largest)) / sum - weight * onEach;
    }
    dscores.data[row * V + target]! -= weight * onTarget;
  });
  return { loss, dscores };
}

export function logSumExp(a: M): M {
  const out = matrix(a.rows, 1);
  for (let r = 0; r < a.rows; r++) {
    const row = a.data.subarray(r * a.columns, (r + 1) * a.columns);
    const largest = row.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
    out.data[r] = largest + Math.log(row.reduce((sum, score) => sum + Math.exp(score - largest), 0));
  }
  return out;
}
