/**
 * Optimisers as engines see them: a list of arrays beside the parameters, and an element-wise rule. The host folds what
 * is the same for all elements (schedules, bias corrections, clipping by norm) into the numbers of a step.
 *
 * In every rule g is the mean gradient: the sum of the gradient slots in shard order divided by `divisor`, cut to
 * [-limit, limit], plus decay·w.
 */

/**
 * Adam (Kingma and Ba 2015) in the form of CS231n's optim.py: m = β1·m + (1-β1)·g, v = β2·v + (1-β2)·g²,
 * w = keep·w - stepSize·m / (√v + ε), where stepSize is lr · √(1-β2^t) / (1-β1^t). `keep` is 1, or what decoupled weight
 * decay leaves (Loshchilov and Hutter 2019).
 */
export interface AdamNumbers {
  readonly rule: 'adam';
  readonly stepSize: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * Gradient descent with momentum (CS231n's sgd_momentum): velocity = momentum·velocity - stepSize·g, w += velocity; with
 * Nesterov's look ahead w += momentum·velocity - stepSize·g, in which velocity is the new one.
 */
export interface MomentumNumbers {
  readonly rule: 'momentum';
  readonly stepSize: number;
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** RMSProp (Tieleman and Hinton 2012): square = α·square + (1-α)·g², w -= stepSize·g / (√square + ε). */
export interface RmspropNumbers {
  readonly rule: 'rmsprop';
  readonly stepSize: number;
  readonly alpha: number;
  readonly epsilon: number;
}

/** AdaGrad (Duchi, Hazan and Singer 2011): square += g², w -= stepSize·g / (√square + ε). */
export interface AdagradNumbers {
  readonly rule: 'adagrad';
  readonly stepSize: number;
  readonly epsilon: number;
}

export type RuleNumbers = AdamNumbers | MomentumNumbers | RmspropNumbers | AdagradNumbers;

export type UpdateRule = RuleNumbers['rule'];

/** How much parameters shrink at an update. */
export interface Decay {
  /** Added to the gradient times the parameter (L2): the gradient of decay/2·w². */
  readonly decay: number;
  /** Parameters are multiplied by it first. Rules other than Adam's have none and need 1. */
  readonly keep: number;
}

export const noDecay: Decay = { decay: 0, keep: 1 };

/** One update. */
export type UpdateStep = RuleNumbers &
  Decay & {
    /** Of the gradient sum: the captions of the whole minibatch, and more where the gradient's norm is clipped. */
    readonly divisor: number;
    /** Largest magnitude of an element of the mean gradient; Infinity cuts nothing. */
    readonly limit: number;
  };

/** The arrays of each rule beside the parameters, all zero at first. */
export const stateOfRule = {
  adam: ['m', 'v'],
  momentum: ['velocity'],
  rmsprop: ['square'],
  adagrad: ['square'],
} as const satisfies Record<UpdateRule, readonly string[]>;
