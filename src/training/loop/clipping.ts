/** Clipping of gradients, as numbers of an update. */
import type { Decay, RuleNumbers, UpdateStep } from '../../tensor/update-rules.js';

/** The largest norm of the mean gradient, and the largest magnitude of an element of it; null clips nothing. */
export interface Clip {
  readonly norm: number | null;
  readonly value: number | null;
}

/**
 * By norm, the whole gradient is scaled as PyTorch's clip_grad_norm_ does it; by value, each element is cut.
 *
 * @param gradientNorm of the mean gradient; read only where its norm is clipped
 * @param divisor of the gradient sum
 */
export function clippedStep(
  numbers: RuleNumbers & Decay,
  clip: Clip,
  gradientNorm: number,
  divisor: number,
): UpdateStep {
  const taken = clip.norm === null ? 1 : Math.min(1, clip.norm / (gradientNorm + 1e-6));
  return { ...numbers, divisor: divisor / taken, limit: clip.value ?? Number.POSITIVE_INFINITY };
}
