/** What became of images and captions that were made a data folder. */
import type { FolderSplit } from '../dataset.js';
import type { AssignedSplits } from './assign-splits.js';
import type { BuiltVocabulary } from './build-vocabulary.js';
import type { CaptionStore } from './caption-store.js';
import type { CaptionFile, Collection, Tally } from './collect.js';
import type { CaptionEncoder } from './encode.js';
import type { PreparedSplit, SplitRows } from './split-rows.js';

export interface PreparationReport {
  readonly files: readonly {
    readonly path: string;
    readonly format: string;
    /** By its name, for captions that do not say themselves. */
    readonly split: FolderSplit | null;
  }[];
  readonly splits: readonly {
    readonly name: FolderSplit;
    readonly images: number;
    readonly captions: number;
    /** In the table, unknown ones counted. */
    readonly words: number;
    readonly unknown: number;
    /** Captions that were cut. */
    readonly cut: number;
  }[];
  readonly splitsFrom: AssignedSplits['origin'];
  /** Words for splits that were taken for recap's own. */
  readonly splitWords: ReadonlyMap<string, FolderSplit>;
  /** V */
  readonly vocabulary: number;
  /** Distinct words of the training captions. */
  readonly distinctWords: number;
  readonly missingImages: Tally;
  readonly captionsOfMissing: number;
  readonly wordless: Tally;
  readonly listedTwice: Tally;
  /** Captions that stand at their image more than once, the first of each not counted. */
  readonly repeatedCaptions: number;
  /** Images that have captions and are in no list. */
  readonly unlistedImages: number;
  readonly listedWithoutCaptions: number;
  /** A few captions as they were and as the rows that they became. */
  readonly samples: readonly { readonly image: string; readonly caption: string; readonly row: string }[];
}

const sampleCount = 3;

export function reportOf(made: {
  readonly files: readonly CaptionFile[];
  readonly collection: Collection;
  readonly assigned: AssignedSplits;
  readonly vocabulary: BuiltVocabulary;
  readonly encoder: CaptionEncoder;
  readonly splits: readonly PreparedSplit[];
}): PreparationReport {
  const { collection, assigned, vocabulary, splits } = made;
  const { store, missing, captionsOfMissing, wordless, listedTwice, splitWords } = collection;
  return {
    files: made.files.map(({ path, format, split }) => ({ path, format: format.name, split })),
    splits: splits.map(({ name, images, captions, counts }) => ({
      name,
      images: images.length,
      captions: captions.length,
      ...counts,
    })),
    splitsFrom: assigned.origin,
    splitWords,
    vocabulary: vocabulary.idxToWord.length,
    distinctWords: vocabulary.distinct,
    missingImages: missing,
    captionsOfMissing,
    wordless,
    listedTwice,
    repeatedCaptions: splits.reduce((count, split) => count + repeatedCaptions(store, split), 0),
    unlistedImages: assigned.splits.reduce((count, split) => count + Number(split < 0), 0),
    listedWithoutCaptions: assigned.withoutCaptions,
    samples: samplesOf(store, splits[0]!, vocabulary.idxToWord, made.encoder),
  };
}

function repeatedCaptions(store: CaptionStore, { captions, imageIdxs }: SplitRows): number {
  const texts = new Set<string>();
  let count = 0;
  captions.forEach((caption, i) => {
    if (i > 0 && imageIdxs[i] !== imageIdxs[i - 1]) texts.clear();
    const text = store.textOfCaption(caption);
    if (texts.has(text)) count++;
    texts.add(text);
  });
  return count;
}

/** The first captions of images spread over the split. */
function samplesOf(
  store: CaptionStore,
  { images, captions, imageIdxs }: SplitRows,
  idxToWord: readonly string[],
  encoder: CaptionEncoder,
): PreparationReport['samples'] {
  const count = Math.min(sampleCount, images.length);
  return Array.from({ length: count }, (_, i) => {
    const image = Math.floor((i * images.length) / count);
    const caption = store.textOfCaption(captions[imageIdxs.indexOf(image)]!);
    const row = new Int32Array(encoder.columns);
    encoder.encode(caption, row);
    return { image: store.images[images[image]!]!, caption, row: [...row].map((id) => idxToWord[id]).join(' ') };
  });
}
