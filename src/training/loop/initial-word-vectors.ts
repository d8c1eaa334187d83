/** The word vectors that a model begins with, and whether a run that goes on still has the file that it began with. */
import type { Config } from '../../config/schema.js';
import type { Vocabulary } from '../../data/vocabulary.js';
import { readWordVectors, type WordVectors, wordVectorsChecksum } from '../../data/word-vectors.js';
import { UserError } from '../../errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';

export interface InitialWordVectors {
  readonly vectors: WordVectors['vectors'];
  readonly checksum: string | null;
  readonly notes: readonly string[];
}

/** @throws UserError when the file does not fit, or is not the one that the checkpoint's run began with */
export function wordVectorsOf(
  { model: { wordVectors: path, wordVectorsTrained, wordDim } }: Config,
  vocabulary: Vocabulary,
  checkpoint: Checkpoint | undefined,
): InitialWordVectors {
  if (path === null) return { vectors: new Map(), checksum: null, notes: [] };
  if (checkpoint) {
    const checksum = checkpoint.state.wordVectorsChecksum;
    // The checkpoint holds the vectors, so the file may be gone; but another one in its place is a mistake.
    const found = wordVectorsChecksum(path);
    if (found === null || found === checksum) return { vectors: new Map(), checksum, notes: [] };
    throw new UserError(
      `${path} is not the file of word vectors that this run began with (checksum ${found}, expected ${checksum}). Put ` +
        'the original file back, or start a new run.',
    );
  }
  const { vectors, checksum } = readWordVectors(path, vocabulary, wordDim);
  const note = `${vectors.size} of ${vocabulary.size} word vectors from ${path}, the others drawn`;
  return { vectors, checksum, notes: [wordVectorsTrained ? note : `${note}; all frozen`] };
}
