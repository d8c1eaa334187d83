/** Every config key with its default and its bounds, each written once; see load.ts for how a file becomes a Config. */
import { z } from 'zod';
import { mostViews } from '../data/further-views.js';
import { attentionNames, conflictOf, imagePlaces } from '../model/captioner-options.js';
import { builtInCells } from '../model/cells/built-in.js';
import { flag, integer, integerOr, namedSection, namesOf, oneOf, path, probability, section } from './leaves.js';
import { train } from './train-schema.js';

/** A program may bring its data along, and then names none. */
export const oneSource = 'either data.dir (a folder) or data.builtin (shapes)';

const data = section({
  /** A folder in the layout of CS231n's coco_captioning, relative to the working directory. */
  dir: path.default(null),
  /** The set that the program makes itself. */
  builtin: oneOf('shapes').nullable().default(null),
  features: oneOf('fc7', 'fc7_pca').default('fc7'),
  /** Only the first n training captions. */
  trainLimit: integerOr(null, 1, 2 ** 31 - 1).default(null),
  tokens: oneOf('word', 'char').default('word'),
  /** Validates on so many images of the training split, chosen by `train.seed`, in place of the validation split. */
  holdOut: integerOr(null, 1, 2 ** 31 - 1).default(null),
  /** Further views of each training image, one of which, or the image itself, is drawn for a caption at each step; auto: all. */
  views: integerOr('auto', 0, mostViews).default(0),
  /** Whether features are shifted and scaled to mean 0 and standard deviation 1 over the training images. */
  standardize: flag.default(false),
  /** Whether to read the grids of image vectors beside the features. */
  grid: flag.default(false),
  /** What grids are rounded to on loading. */
  gridPrecision: oneOf('float16', 'float32').default('float16'),
})
  .refine(({ dir, builtin }) => dir === null || builtin === null, { error: oneSource })
  .refine(({ builtin, grid }) => builtin === null || !grid, {
    path: ['grid'],
    error: 'false, because data.builtin: shapes has no grid',
  });

const penaltyError = 'a number from 0 to 1000';
const biasError = 'a number from -10 to 10';

const model = section({
  cell: oneOf('rnn', 'lstm', 'gru').default('lstm'),
  /** Recurrent layers one above the other. */
  layers: integer(1, 16).default(1),
  /** Whether each layer from the second on adds what it reads to what it puts out. */
  residual: flag.default(false),
  /** W */
  wordDim: integer(1, 16384).default(256),
  /** H */
  hiddenDim: integer(1, 16384).default(512),
  /** What the biases of the LSTM's forget gates begin with. */
  forgetBias: z.number({ error: biasError }).min(-10, { error: biasError }).max(10, { error: biasError }).default(0),
  /** Whether W_embed scores the next word too, in place of W_vocab. */
  tieEmbeddings: flag.default(false),
  /** A file of word vectors in the text format of GloVe and word2vec, relative to the working directory. */
  wordVectors: path.default(null),
  /** Whether they are trained on; frozen otherwise. */
  wordVectorsTrained: flag.default(true),
  /** Where the image enters. */
  imageTo: oneOf(...imagePlaces).default('state'),
  /** Whether the image's grid (data.grid) is looked at before each word. */
  attention: oneOf(...attentionNames).default('none'),
  /** A, columns of the projected grid; null is H. */
  attentionDim: integerOr(null, 1, 16384).default(null),
  /** Whether what is seen scores the next word too. */
  attentionToOutput: flag.default(true),
  /** Factor of the doubly stochastic term in the training loss. */
  attentionPenalty: z
    .number({ error: penaltyError })
    .min(0, { error: penaltyError })
    .max(1000, { error: penaltyError })
    .default(0),
  /** While training, the probability of each element to be zero. */
  dropout: section({
    words: probability.default(0),
    hidden: probability.default(0),
    image: probability.default(0),
    context: probability.default(0),
  }).prefault({}),
  /** A .safetensors file of initial parameters, or a run's folder, whose best checkpoint it is; relative to the working directory. */
  init: path.default(null),
}).superRefine((options, context) => {
  const conflict = conflictOf(builtInCells[options.cell], options);
  if (conflict) context.addIssue({ code: 'custom', path: [...conflict.path], message: conflict.expected });
  if (options.init !== null && options.wordVectors !== null) {
    const message = 'null, because the parameters of model.init hold word vectors already';
    context.addIssue({ code: 'custom', path: ['wordVectors'], message });
  }
});

const engine = z.preprocess(
  (value) => namedSection('engine', 'auto', value),
  z.discriminatedUnion(
    'name',
    [
      section({ name: z.literal('auto') }),
      section({ name: z.literal('reference') }),
      section({ name: z.literal('gpu'), mode: oneOf('auto', 'webgpu', 'webasm', 'cpu').default('auto') }),
      section({
        name: z.literal('cpu'),
        /** Who computes matrix products: native is what recap generates, none the built-in WebAssembly. */
        blas: oneOf('auto', 'native', 'none', 'openblas', 'onednn', 'blis', 'mkl', 'accelerate').default('auto'),
        precision: oneOf('float32', 'bf16').default('float32'),
      }),
    ],
    { error: 'one of auto, reference, gpu, cpu, or a mapping such as { name: gpu, mode: webasm }' },
  ),
);

export const engineNames = namesOf(engine);

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
  /** Which parameters are validated and caption images: the trained ones, or their average; auto is that if there is one. */
  parameters: oneOf('auto', 'live', 'ema').default('auto'),
  /** What the best checkpoint, early stopping and the schedule plateau go by: the loss, or a score of captions. */
  metric: oneOf('loss', 'Bleu_1', 'Bleu_2', 'Bleu_3', 'Bleu_4', 'ROUGE_L', 'CIDEr').default('loss'),
  /** Captions of all images of the validation split, scored. */
  scores: section({
    /** 0 is never; auto is at every validation where the metric is a score, and otherwise never. */
    everyEpochs: integerOr('auto', 0, 1_000_000).default('auto'),
    /** Words as coco-caption takes them, or runs of [a-z0-9']. */
    tokens: oneOf('ptb', 'words').default('ptb'),
  }).prefault({}),
});

const report = section({
  /** Whether event files for TensorBoard are written too. */
  tensorboard: flag.default(false),
});

const sections = section({
  data: data.prefault({}),
  model: model.prefault({}),
  train: train.prefault({}),
  engine: engine.prefault('auto'),
  checkpoint: checkpoint.prefault({}),
  validate: validate.prefault({}),
  report: report.prefault({}),
});

/** A checked config with every default filled in; nothing in it is optional. */
export type Config = z.output<typeof sections>;
/** A config as it may be written: what is left out has its default. */
export type PartialConfig = z.input<typeof sections>;

/** Keys that make no sense beside each other: the one to change, and what is expected of it. */
function* conflicts({ model, train, validate }: Config): Generator<readonly [path: string, expected: string]> {
  const { optimizer, schedule, lrDecay, earlyStopping, ema } = train;
  if (schedule.name !== 'exponential' && lrDecay !== null) {
    yield ['train.lrDecay', `null beside the schedule ${schedule.name}, since the exponential one alone reads it`];
  }
  const waiting = [
    ...(schedule.name === 'plateau' ? ['the schedule plateau'] : []),
    ...(earlyStopping.patience === null ? [] : ['train.earlyStopping']),
  ];
  if (validate.everyEpochs === 0 && waiting.length > 0) {
    yield ['validate.everyEpochs', `at least 1, since ${waiting.join(' and ')} goes by validations`];
  }
  if (schedule.name === 'cosine' && schedule.steps !== null && schedule.warmup >= schedule.steps) {
    yield ['train.schedule.warmup', `less than train.schedule.steps, ${schedule.steps}`];
  }
  if (optimizer.name === 'sgd' && optimizer.nesterov && optimizer.momentum === 0) {
    yield ['train.optimizer.nesterov', 'false where train.optimizer.momentum is 0'];
  }
  if (earlyStopping.minDelta > 0 && earlyStopping.patience === null) {
    yield ['train.earlyStopping.minDelta', '0 where train.earlyStopping.patience is null'];
  }
  if (validate.parameters === 'ema' && ema === null) {
    yield ['validate.parameters', 'auto or live where train.ema keeps no average'];
  }
  if (train.selfCritical.samples > 0) yield* selfCriticalConflicts(model, train);
  const scored = validate.scores.everyEpochs;
  if (scored === 0 && validate.metric !== 'loss') {
    yield ['validate.scores.everyEpochs', `auto or at least 1, since validate.metric is ${validate.metric}`];
  }
  if (scored !== 'auto' && scored > 0 && (validate.everyEpochs === 0 || scored % validate.everyEpochs !== 0)) {
    yield ['validate.scores.everyEpochs', `auto, 0 or a multiple of validate.everyEpochs, ${validate.everyEpochs}`];
  }
}

/** What the model's own captions cannot be trained on with. */
function* selfCriticalConflicts(
  { init, attentionPenalty }: Config['model'],
  { selfCritical, labelSmoothing, scheduledSampling, batchSize }: Config['train'],
): Generator<readonly [path: string, expected: string]> {
  const { samples, baseline, reward } = selfCritical;
  const beside = 'beside train.selfCritical, since advantages weigh the loss of the sampled words alone';
  if (init === null) yield ['train.selfCritical.samples', '0 where model.init names no checkpoint to start from'];
  if (samples === 1 && baseline === 'samples') {
    yield ['train.selfCritical.samples', 'at least 2 with the baseline samples, or the baseline greedy'];
  }
  if (reward.CIDEr === 0 && reward.Bleu_4 === 0) {
    yield ['train.selfCritical.reward.CIDEr', 'above 0, or Bleu_4 above 0, since nothing else is rewarded'];
  }
  if (batchSize % samples !== 0) yield ['train.batchSize', `a multiple of train.selfCritical.samples, ${samples}`];
  if (labelSmoothing > 0) yield ['train.labelSmoothing', `0 ${beside}`];
  if (attentionPenalty > 0) yield ['model.attentionPenalty', `0 ${beside}`];
  for (const key of ['from', 'to'] as const) {
    if (scheduledSampling[key] > 0) yield [`train.scheduledSampling.${key}`, `0 ${beside}`];
  }
}

export const configSchema = sections.superRefine((config, context) => {
  for (const [path, message] of conflicts(config)) context.addIssue({ code: 'custom', path: path.split('.'), message });
});
