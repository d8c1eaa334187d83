/** The keys of `train`: how a model is optimised. */
import { z } from 'zod';
import {
  amount,
  beta,
  divisor,
  flag,
  fraction,
  integer,
  integerOr,
  limit,
  namedSection,
  namesOf,
  oneOf,
  probability,
  rate,
  section,
  share,
  shorthand,
  temperature,
} from './leaves.js';

const optimizer = z.preprocess(
  (value) => namedSection('train.optimizer', 'adam', value),
  z.discriminatedUnion(
    'name',
    [
      section({ name: z.literal('adam'), ...adamKeys() }),
      /** Adam in PyTorch's form, whose weight decay leaves the gradient alone (Loshchilov and Hutter 2019). */
      section({ name: z.literal('adamw'), ...adamKeys() }),
      section({
        name: z.literal('sgd'),
        learningRate: rate.default(1e-2),
        /** Of the velocity, kept at each step; 0 is plain gradient descent. */
        momentum: beta.default(0.9),
        /** Whether the velocity looks ahead. */
        nesterov: flag.default(false),
      }),
      section({
        name: z.literal('rmsprop'),
        learningRate: rate.default(1e-2),
        /** Of the mean square, kept at each step. */
        alpha: beta.default(0.99),
        epsilon: fraction.default(1e-8),
      }),
      section({
        name: z.literal('adagrad'),
        learningRate: rate.default(1e-2),
        epsilon: fraction.default(1e-10),
      }),
    ],
    { error: 'one of adam, adamw, sgd, rmsprop, adagrad, or a mapping with such a name' },
  ),
);

export const optimizerNames = namesOf(optimizer);

function adamKeys() {
  return {
    learningRate: rate.default(1e-3),
    beta1: beta.default(0.9),
    beta2: beta.default(0.999),
    epsilon: fraction.default(1e-8),
  };
}

/** Steps over which the learning rate rises to its value. */
const warmup = integer(0, 1_000_000_000).default(0);
/** Steps after which a schedule has come to its end; null is the length of the run. */
const scheduleSteps = integerOr(null, 1, 1_000_000_000).default(null);

const schedule = z.preprocess(
  (value) => namedSection('train.schedule', 'exponential', value),
  z.discriminatedUnion(
    'name',
    [
      /** Times `train.lrDecay` after each epoch. */
      section({ name: z.literal('exponential'), warmup }),
      section({ name: z.literal('constant'), warmup }),
      /** Times `factor` after every `every` epochs. */
      section({
        name: z.literal('step'),
        warmup,
        every: integer(1, 1_000_000).default(5),
        factor: fraction.default(0.1),
      }),
      /** Half a cosine down to `end` times the learning rate. */
      section({ name: z.literal('cosine'), warmup, steps: scheduleSteps, end: share.default(0) }),
      /** Up from 1/`startDivisor` of the learning rate over the first `rise` of the steps, down to 1/`endDivisor` of that. */
      section({
        name: z.literal('oneCycle'),
        steps: scheduleSteps,
        rise: share.default(0.3),
        startDivisor: divisor.default(25),
        endDivisor: divisor.default(1e4),
      }),
      /** Times `factor` when `patience` validations in a row were no better than the best by more than `minDelta`. */
      section({
        name: z.literal('plateau'),
        warmup,
        factor: fraction.default(0.5),
        patience: integer(1, 1_000_000).default(2),
        minDelta: amount.default(0),
      }),
    ],
    { error: 'one of exponential, constant, step, cosine, oneCycle, plateau, or a mapping with such a name' },
  ),
);

export const scheduleNames = namesOf(schedule);

/** How much larger weights cost. A bare number stands for the rate. */
const weightDecay = z.preprocess(
  (value) => shorthand('train.weightDecay', value),
  section({
    rate: amount.default(0),
    /** Whether it applies to biases, which is what every parameter of one dimension counts as. */
    biases: flag.default(false),
    /** Whether it applies to word vectors. */
    embeddings: flag.default(false),
  }),
);

/** Null clips nothing. */
const clip = section({
  /** The largest norm of the mean gradient of all parameters together. */
  norm: limit.nullable().default(null),
  /** The largest magnitude of an element of the mean gradient. */
  value: limit.nullable().default(null),
});

/** Ends the run when `patience` validations in a row were no better than the best by more than `minDelta`. */
const earlyStopping = section({
  patience: integerOr(null, 1, 1_000_000).default(null),
  minDelta: amount.default(0),
});

/** How many of the words that captions read while training are drawn from the model, a caption's first aside. */
const scheduledSampling = section({
  /** Probability of a word to be drawn, at first. */
  from: probability.default(0),
  /** After `epochs` epochs and from then on; in between it changes evenly. */
  to: probability.default(0),
  epochs: integer(1, 1_000_000).default(10),
});

/** Self-critical sequence training (Rennie et al. 2017), in place of training on the true captions. */
const selfCritical = section({
  /** Captions sampled of each image; 0: none, the true captions are trained on. */
  samples: integer(0, 1000).default(0),
  /** What the scores of words are divided by before they are sampled: below 1, captions nearer to the greedy one. */
  temperature: temperature.default(1),
  /** What a sample is to be better than: the mean of the image's other samples, or its greedy caption. */
  baseline: oneOf('samples', 'greedy').default('samples'),
  /** What scores are worth. */
  reward: section({ CIDEr: amount.default(1), Bleu_4: amount.default(0) }).prefault({}),
  /** Words as coco-caption takes them, or runs of [a-z0-9']. */
  tokens: oneOf('ptb', 'words').default('ptb'),
});

export const train = section({
  epochs: integer(1, 1_000_000).default(10),
  batchSize: integer(1, 65536).default(100),
  sampling: oneOf('shuffle', 'sequential', 'withReplacement').default('shuffle'),
  optimizer: optimizer.prefault({}),
  /** How the learning rate goes on. */
  schedule: schedule.prefault('exponential'),
  /** Multiplies the learning rate once an epoch; read by the exponential schedule alone, null with any other. */
  lrDecay: fraction.nullable().default(null),
  weightDecay: weightDecay.prefault(0),
  clip: clip.prefault({}),
  /** Minibatches whose gradients make up one step. */
  accumulate: integer(1, 65536).default(1),
  /** What of the moving average of the parameters is kept at each step, less at the first ones; null keeps none. */
  ema: beta.nullable().default(null),
  earlyStopping: earlyStopping.prefault({}),
  /** Probability with which any word is to be predicted in place of the next one. */
  labelSmoothing: probability.default(0),
  scheduledSampling: scheduledSampling.prefault({}),
  selfCritical: selfCritical.prefault({}),
  seed: integer(0, 2 ** 32 - 1).default(231),
  /** Threads; auto is one for each core. */
  workers: integerOr('auto', 1, 1024).default('auto'),
  /** Parts of a minibatch; auto is the number of workers when the run is created. */
  shards: integerOr('auto', 1, 1024).default('auto'),
  /** How gradients of several MPI processes are added: all in the order of the shards, or first those of each process. */
  reduction: oneOf('ordered', 'fast').default('ordered'),
  /** What to do when a loss or gradient is not finite. */
  onNonFinite: oneOf('stop', 'skip').default('stop'),
  /** Seconds after which a worker's task counts as hung. */
  taskSeconds: integer(1, 86400).default(300),
  /** Seconds without a sign of life after which an MPI process counts as lost. */
  rankSeconds: integer(1, 86400).default(60),
}).transform((train) => {
  // So that a resolved config says what is computed.
  const isRead = train.schedule.name === 'exponential';
  return { ...train, lrDecay: train.lrDecay ?? (isRead ? 0.95 : null) };
});
