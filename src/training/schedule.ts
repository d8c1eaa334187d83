/** The learning rate of an epoch and what Adam needs to know of a step. */
import type { AdamStep } from '../engine/engine.js';

export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** The initial rate, multiplied by `decay` after each epoch; epochs count from 1. */
export function learningRateOf(epoch: number, initial: number, decay: number): number {
  return initial * decay ** (epoch - 1);
}

/**
 * Adam's settings for step t (from 1) of a minibatch of `captions`, the bias corrections folded into the step size:
 * lr · √(1-β2^t) / (1-β1^t), as in CS231n's optim.py.
 */
export function adamStep(settings: AdamSettings, t: number, learningRate: number, captions: number): AdamStep {
  const { beta1, beta2, epsilon } = settings;
  const stepSize = (learningRate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
  return { stepSize, beta1, beta2, epsilon, divisor: captions };
}
