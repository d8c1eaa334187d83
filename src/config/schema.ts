/** Every config key with its default and its bounds, each written once; see load.ts for how a file becomes a Config. */
import { z } from 'zod';

/**
 * A leaf says in words what it expects, and every check of it fails with those words, so that messages read the same
 * whatever was wrong with the value.
 */
function integer(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

function integerOr<W extends string | null>(word: W, least: number, most: number) {
  return z.union([z.literal(word), integer(least, most)], {
    error: `${word} or a whole number from ${least} to ${most}`,
  });
}

function oneOf<const W extends readonly [string, ...string[]]>(...words: W) {
  return z.enum(words, { error: words.length === 1 ? words[0] : `one of ${words.join(', ')}` });
}

const pathError = 'a path (text of at most 4096 characters), or null';
const path = z
  .string({ error: pathError })
  .min(1, { error: pathError })
  .max(4096, { error: pathError })
  .refine((text) => !text.includes('\0'), { error: pathError })
  .nullable();

function section<S extends z.core.$ZodLooseShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? `keys and values: ${Object.keys(shape).join(', ')}` : undefined),
  });
}

/** In [0, 1): how much of a running mean is kept at each step. */
const betaError = 'a number from 0 to less than 1';
const beta = z.number({ error: betaError }).min(0, { error: betaError }).lt(1, { error: betaError });
const rateError = 'a number above 0, at most 10';
const rate = z.number({ error: rateError }).gt(0, { error: rateError }).max(10, { error: rateError });
const fractionError = 'a number above 0, at most 1';
const fraction = z.number({ error: fractionError }).gt(0, { error: fractionError }).max(1, { error: fractionError });

const data = section({
  /** A folder in the layout of CS231n's coco_captioning, relative to the working directory. */
  dir: path.default(null),
  /** The set that the program makes itself. */
  builtin: oneOf('shapes').nullable().default(null),
  features: oneOf('fc7', 'fc7_pca').default('fc7'),
  /** Only the first n training captions. */
  trainLimit: integerOr(null, 1, 2 ** 31 - 1).default(null),
  tokens: oneOf('word', 'char').default('word'),
}).refine(({ dir, builtin }) => (dir === null) !== (builtin === null), {
  error: 'either data.dir (a folder) or data.builtin (shapes)',
});

const model = section({
  cell: oneOf('rnn', 'lstm').default('lstm'),
  /** W */
  wordDim: integer(1, 16384).default(256),
  /** H */
  hiddenDim: integer(1, 16384).default(512),
  /** A .safetensors file of initial parameters, relative to the working directory. */
  init: path.default(null),
});

const optimizer = section({
  name: oneOf('adam').default('adam'),
  learningRate: rate.default(1e-3),
  beta1: beta.default(0.9),
  beta2: beta.default(0.999),
  epsilon: fraction.default(1e-8),
});

const train = section({
  epochs: integer(1, 1_000_000).default(10),
  batchSize: integer(1, 65536).default(100),
  sampling: oneOf('shuffle', 'sequential', 'withReplacement').default('shuffle'),
  optimizer: optimizer.prefault({}),
  /** Multiplies the learning rate once an epoch. */
  lrDecay: fraction.default(0.95),
  seed: integer(0, 2 ** 32 - 1).default(231),
  /** Threads; auto is one for each core. */
  workers: integerOr('auto', 1, 1024).default('auto'),
  /** Parts of a minibatch; auto is the number of workers when the run is created. */
  shards: integerOr('auto', 1, 1024).default('auto'),
  /** What to do when a loss or gradient is not finite. */
  onNonFinite: oneOf('stop', 'skip').default('stop'),
  /** Seconds after which a worker's task counts as hung. */
  taskSeconds: integer(1, 86400).default(300),
});

/** A bare name stands for that engine with its defaults. */
const engine = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  z.discriminatedUnion(
    'name',
    [
      section({ name: z.literal('auto') }),
      section({ name: z.literal('reference') }),
      section({ name: z.literal('gpu'), mode: oneOf('auto', 'webgpu', 'webasm', 'cpu').default('auto') }),
      section({
        name: z.literal('cpu'),
        /** The library of matrix products; none is the built-in WebAssembly. */
        blas: oneOf('auto', 'none', 'openblas', 'onednn', 'blis', 'mkl', 'accelerate').default('auto'),
        precision: oneOf('float32', 'bf16').default('float32'),
      }),
    ],
    { error: 'one of auto, reference, gpu, cpu, or a mapping such as { name: gpu, mode: webasm }' },
  ),
);

const checkpoint = section({
  everySteps: integer(1, 1_000_000_000).default(500),
  /** Newest checkpoints that are kept. */
  keep: integer(1, 10_000).default(3),
});

const validate = section({
  /** 0 is never. */
  everyEpochs: integer(0, 1_000_000).default(1),
  /** Sample captions printed at each validation. */
  captions: integer(0, 100).default(3),
});

export const configSchema = section({
  data: data.prefault({}),
  model: model.prefault({}),
  train: train.prefault({}),
  engine: engine.prefault('auto'),
  checkpoint: checkpoint.prefault({}),
  validate: validate.prefault({}),
});

/** A checked config with every default filled in; nothing in it is optional. */
export type Config = z.output<typeof configSchema>;
export type EngineConfig = Config['engine'];
