/** Which references a run compares captions with, and that they are those it began with. */
import type { Config } from '../../config/schema.js';
import type { Dataset } from '../../data/dataset.js';
import { UserError } from '../../errors.js';
import type { TrainingState } from '../checkpoints/checkpoint-writer.js';
import { referencesChecksum, referencesOf, type SplitReferences } from './references.js';

export interface ComparedReferences {
  /** What captions of the validation images are compared with; null where none are scored. */
  readonly references: SplitReferences | null;
  /** What captions of the training images are rewarded by; null where the true captions are trained on. */
  readonly trainingReferences: SplitReferences | null;
  readonly referencesChecksums: TrainingState['referencesChecksums'];
}

/**
 * @param recorded checksums of those of a run that goes on
 * @throws UserError when a list is damaged, lacks an image, or is another now
 */
export function comparedReferences(
  config: Config,
  dataset: Dataset,
  recorded: TrainingState['referencesChecksums'] | undefined,
): ComparedReferences {
  const { dir, holdOut } = config.data;
  const { train, val, vocabulary } = dataset;
  // Images that are held out are of the training split.
  const valFrom = { dir, split: holdOut === null ? 'val' : 'train' };
  const isScored = scoresCaptions(config) && val.count > 0;
  const references = isScored ? referencesOf(val, vocabulary, valFrom) : null;
  const isRewarded = config.train.selfCritical.samples > 0;
  const trainingReferences = isRewarded ? referencesOf(train, vocabulary, { dir, split: 'train' }) : null;
  return {
    references,
    trainingReferences,
    referencesChecksums: {
      validation: goneOnWith(references, recorded?.validation),
      training: goneOnWith(trainingReferences, recorded?.training),
    },
  };
}

/** Whether any validation scores captions. */
function scoresCaptions({ validate: { everyEpochs, scores, metric } }: Config): boolean {
  return everyEpochs > 0 && (scores.everyEpochs === 'auto' ? metric !== 'loss' : scores.everyEpochs > 0);
}

/**
 * @param recorded checksum of the references of a run that goes on, if it had some
 * @returns their checksum
 * @throws UserError when they are others now
 */
function goneOnWith(references: SplitReferences | null, recorded: string | null | undefined): string | null {
  const found = referencesChecksum(references);
  if (references === null || !recorded || found === recorded) return found;
  throw new UserError(
    `The reference captions (${references.source}) are not those that this run's captions were scored by (checksum ` +
      `${found}, expected ${recorded}). Put the original list back, or start a new run.`,
  );
}
