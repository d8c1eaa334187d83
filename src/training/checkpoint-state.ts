/** What a checkpoint records beside the numbers. */
import { z } from 'zod';
import { UserError } from '../errors.js';
import { formatVersion, metadataKeys } from './checkpoint-format.js';

const count = z.int().min(0);
const loss = z.number().nullable();

const stateSchema = z.object({
  formatVersion: z.literal(formatVersion),
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
  model: z.object({
    cell: z.enum(['rnn', 'lstm']),
    featureDim: count,
    wordDim: count,
    hiddenDim: count,
    vocabSize: count,
    steps: count,
  }),
  /** The word (or character) of each id. */
  vocabulary: z.array(z.string()).readonly(),
  /** Parts of a minibatch, which fix the order of every sum over it. */
  shards: count,
  engine: z.object({
    engine: z.enum(['reference', 'cpu', 'gpu']),
    precision: z.enum(['float64', 'float32', 'bf16']),
    supplier: z.string(),
    detail: z.string(),
    notes: z.array(z.string()).readonly(),
  }),
  /** The engine as it was chosen, so that a resumption can choose the same. */
  engineChoice: z.record(z.string(), z.unknown()),
  /** Identifies the training data. */
  dataChecksum: z.string(),
  /** Of exactly these parameters; null if it was not measured at this step. The lowest marks the best checkpoint. */
  validationLoss: loss,
  /** The lowest of the run so far. */
  bestValidationLoss: loss,
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
  const text = Object.hasOwn(metadata, metadataKeys.state) ? metadata[metadataKeys.state] : undefined;
  if (text === undefined) throw new UserError(`${path} is not a checkpoint of recap: it has no training state.`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(`${path} is damaged: its training state is not JSON.`);
  }
  const version = (json as { formatVersion?: unknown } | null)?.formatVersion;
  if (version !== formatVersion) {
    throw new UserError(
      `${path} has checkpoint format ${JSON.stringify(version)}, this version of recap reads format ${formatVersion}.`,
    );
  }
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UserError(`${path} has an unfit training state: ${issue?.path.join('.')}: ${issue?.message}.`);
  }
  return parsed.data;
}
