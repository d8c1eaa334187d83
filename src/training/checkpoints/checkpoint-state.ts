/** What a checkpoint records beside the numbers. */
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { extractorSchema } from '../../features/description.js';
import { mostSteps } from '../../tensor/model-spec.js';
import { stateOfRule, type UpdateRule } from '../../tensor/update-rules.js';
import { formatVersion } from './checkpoint-format.js';
import { stateInThisFormat } from './older-formats.js';
import { checkCaptioner } from './recorded-captioner.js';

const count = z.int().min(0);
const size = z.int().min(1);
const loss = z.number().nullable();
const score = z.number();
const scores = { Bleu_1: score, Bleu_2: score, Bleu_3: score, Bleu_4: score, ROUGE_L: score, CIDEr: score };

const stateSchema = z.object({
  formatVersion: z.literal(formatVersion),
  /** The version of recap that wrote the checkpoint. */
  recapVersion: z.string(),
  /** Stands for the bits that it computes; see arithmetic-version.ts. */
  arithmeticVersion: count,
  /** The run that wrote the checkpoint; see RunFolder. */
  runId: z.string(),
  /** Steps done. */
  step: count,
  /** The epoch, from 1, that the last step belonged to. */
  epoch: count,
  /** The last epoch whose end was validated; 0 before the first. */
  validatedEpoch: count,
  /** The resolved config, as JSON. */
  config: z.record(z.string(), z.unknown()),
  /** What the model is made from. */
  model: z.object({
    family: z.string(),
    options: z.record(z.string(), z.unknown()),
    dimensions: z.object({
      inputs: z.record(z.string(), size),
      positions: z.record(z.string(), size).optional(),
      vocabSize: size,
      steps: size.max(mostSteps),
    }),
  }),
  /** The optimiser's rule, which says what arrays are beside the parameters. */
  rule: z.enum(Object.keys(stateOfRule) as [UpdateRule, ...UpdateRule[]]),
  /** The word (or character) of each id. */
  vocabulary: z.array(z.string()).readonly(),
  /** Parts of a minibatch, which fix the order of every sum over it. */
  shards: size,
  engine: z.object({
    engine: z.enum(['reference', 'cpu', 'gpu']),
    precision: z.enum(['float64', 'float32', 'bf16']),
    supplier: z.string(),
    detail: z.string(),
    notes: z.array(z.string()).readonly(),
  }),
  /** The engine as it was chosen, so that a resumption can choose the same. */
  engineChoice: z.record(z.string(), z.unknown()),
  /** Of the data, and the steps that a pass over the training captions takes; null where an older version wrote it. */
  captions: z.object({ training: count, validation: count }).nullable().default(null),
  stepsPerEpoch: size.nullable().default(null),
  /** Identifies the training data. */
  dataChecksum: z.string(),
  /** What made the image features; null where the data did not say it. */
  extractor: extractorSchema.nullable().default(null),
  /** Identifies the file of word vectors that the model began with; null where it began without. */
  wordVectorsChecksum: z.string().nullable().default(null),
  /** Identifies the captions that generated ones are scored or rewarded by; null where none are. */
  referencesChecksums: z
    .object({ validation: z.string().nullable(), training: z.string().nullable() })
    .default({ validation: null, training: null }),
  /** Of exactly these parameters; null if it was not measured at this step. */
  validationLoss: loss,
  /** Of captions by exactly these parameters; null if they were not scored at this step. */
  validationScores: z.object(scores).nullable().default(null),
  /** What the config's `validate.metric` was at the best validation of the run so far. */
  bestValidation: z.number().nullable(),
  /** The step of that best one; null before the first, and where format 1 did not record it. */
  bestStep: count.nullable(),
  /**
   * Of the steps of the unfinished epoch, those left out for a non-finite loss not counted: the summed loss of their
   * captions, and the summed reward where they are the model's own. Null where format 1 did not record it.
   */
  epochSums: z.object({ loss: z.number(), captions: count, reward: z.number().nullable().default(null) }).nullable(),
  /** Of the schedule that goes by plateaus: the value to beat, validations that did not, and the plateaus so far. */
  plateaus: z.object({ best: loss, waited: count, count }),
  /** Of early stopping: the value to beat, and validations in a row that did not. */
  earlyStopping: z.object({ best: loss, waited: count }),
  /** Spent training, over all resumptions. */
  elapsedSeconds: z.number().min(0),
});

/** All that exact resumption needs beside the numbers. */
export type CheckpointState = Readonly<z.infer<typeof stateSchema>>;

/**
 * Finds and checks the state in a checkpoint's metadata.
 *
 * @throws UserError naming the file and its fault
 */
export function readState(path: string, metadata: Readonly<Record<string, string>>): CheckpointState {
  const parsed = stateSchema.safeParse(stateInThisFormat(path, metadata));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UserError(`${path} has an unfit training state: ${issue?.path.join('.')}: ${issue?.message}.`);
  }
  checkCaptioner(path, parsed.data.model);
  return parsed.data;
}
