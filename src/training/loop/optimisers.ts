/** The optimisers that a config can name: which rule each is, and its numbers at each step. */
import type { Config } from '../../config/schema.js';
import type { ParameterRole, ParameterSpec } from '../../tensor/model-spec.js';
import { type Decay, noDecay, type RuleNumbers, type UpdateRule } from '../../tensor/update-rules.js';

export interface Optimiser {
  readonly rule: UpdateRule;
  /**
   * @param t the step, from 1; those that were left out (train.onNonFinite) count too
   * @param learningRate of this step
   */
  step(t: number, learningRate: number): RuleNumbers & Decay;
}

/** Weight decay adds to the gradient (L2), but for AdamW, where it is apart from it. */
export function optimiserOf({ optimizer, weightDecay }: Pick<Config['train'], 'optimizer' | 'weightDecay'>): Optimiser {
  const decay = { ...noDecay, decay: weightDecay.rate };
  switch (optimizer.name) {
    case 'adam': {
      const { beta1, beta2, epsilon } = optimizer;
      return {
        rule: 'adam',
        step: (t, learningRate) => {
          const stepSize = adamStepSize(t, learningRate, optimizer);
          return { rule: 'adam', stepSize, beta1, beta2, epsilon, ...decay };
        },
      };
    }
    case 'adamw': {
      const { beta1, beta2 } = optimizer;
      return {
        rule: 'adam',
        step(t, learningRate) {
          const stepSize = adamStepSize(t, learningRate, optimizer);
          // PyTorch's form, in which epsilon is added after the bias correction.
          const epsilon = optimizer.epsilon * Math.sqrt(1 - beta2 ** t);
          const keep = 1 - learningRate * weightDecay.rate;
          return { rule: 'adam', stepSize, beta1, beta2, epsilon, decay: 0, keep };
        },
      };
    }
    case 'sgd': {
      const { momentum, nesterov } = optimizer;
      return {
        rule: 'momentum',
        step: (_t, stepSize) => ({ rule: 'momentum', stepSize, momentum, nesterov, ...decay }),
      };
    }
    case 'rmsprop': {
      const { alpha, epsilon } = optimizer;
      return { rule: 'rmsprop', step: (_t, stepSize) => ({ rule: 'rmsprop', stepSize, alpha, epsilon, ...decay }) };
    }
    case 'adagrad': {
      const { epsilon } = optimizer;
      return { rule: 'adagrad', step: (_t, stepSize) => ({ rule: 'adagrad', stepSize, epsilon, ...decay }) };
    }
  }
}

/** The bias corrections, folded into the step size as in CS231n's optim.py. */
function adamStepSize(t: number, learningRate: number, { beta1, beta2 }: { beta1: number; beta2: number }): number {
  return (learningRate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
}

/** Names of the parameters that weight decay applies to. */
export function decayedParameters(
  parameters: readonly ParameterSpec[],
  { biases, embeddings }: Config['train']['weightDecay'],
): string[] {
  const decays: Record<ParameterRole, boolean> = { weight: true, bias: biases, embedding: embeddings };
  return parameters.filter(({ trained, role }) => trained && decays[role]).map(({ name }) => name);
}
