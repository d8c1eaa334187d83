/** A data set from what a program has in memory, without files. */
import { UserError } from '../errors.js';
import type { Named } from '../tensor/matrix.js';
import { mostSteps } from '../tensor/model-spec.js';
import { type CaptionSplit, checksumOf, type Dataset, type SplitName } from './dataset.js';
import { type FeatureTable, sharedTable } from './feature-table.js';
import { endId, nullId, startId, unkId, Vocabulary, wordsByCount } from './vocabulary.js';

export interface CaptionedImages {
  /**
   * What the model is given of each image, a row an image; captioners need `features`, and with attention a `grid`
   * (images, L·C) that says its `positions`, L.
   */
  readonly inputs: Named<FeatureTable>;
  /** Each caption with the image it describes; its words are separated by blanks. */
  readonly captions: readonly { readonly image: number; readonly text: string }[];
}

export interface MemoryData {
  readonly train: CaptionedImages;
  /** None where nothing is validated. */
  readonly val?: CaptionedImages;
  /** T: words (and `<END>`) that a caption has at most, longer ones are cut; by default none is cut. */
  readonly steps?: number;
  /** Words that occur less often in the training captions become `<UNK>`. */
  readonly minCount?: number;
}

/** @throws UserError when an image index is outside the inputs, inputs do not fit each other, or captions have no steps */
export function datasetOf({ train, val, steps, minCount = 1 }: MemoryData): Dataset {
  const words = train.captions.map(({ text }) => wordsOf(text));
  const vocabulary = vocabularyOf(words, minCount);
  const validation = val ?? { inputs: emptyTables(train.inputs), captions: [] };
  const longest = [...words, ...validation.captions.map(({ text }) => wordsOf(text))].reduce(
    (most, { length }) => Math.max(most, length + 1),
    1,
  );
  const most = steps ?? longest;
  if (!Number.isInteger(most) || most < 1 || most > mostSteps) {
    throw new UserError(
      `steps: ${steps === undefined ? 'the longest caption has' : 'found'} ${most}, expected a whole number from 1 to ` +
        `${mostSteps}.`,
    );
  }
  const columns = most + 1;
  const trainSplit = splitOf('train', train, vocabulary, columns);
  const valSplit = splitOf('val', validation, vocabulary, columns);
  for (const [name, { columns: width, positions }] of Object.entries(trainSplit.inputs)) {
    const other = valSplit.inputs[name];
    if (other?.columns === width && other.positions === positions) continue;
    throw new UserError(`val.inputs.${name}: expected a matrix of ${width} columns, as train.inputs.${name} has.`);
  }
  const checksum = checksumOf(trainSplit, valSplit, vocabulary);
  return { train: trainSplit, val: valSplit, vocabulary, checksum, extractor: null, notes: [] };
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function vocabularyOf(captions: readonly (readonly string[])[], minCount: number): Vocabulary {
  const counts = new Map<string, number>();
  for (const word of captions.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Vocabulary.of('word', wordsByCount(counts, minCount), 'the data in memory');
}

function splitOf(
  name: SplitName,
  { inputs, captions: given }: CaptionedImages,
  vocabulary: Vocabulary,
  columns: number,
): CaptionSplit {
  const ids = new Map(vocabulary.idxToWord.map((word, id) => [word, id]));
  const captions = new Int32Array(new SharedArrayBuffer(given.length * columns * 4)).fill(nullId);
  const imageIdxs = new Int32Array(new SharedArrayBuffer(given.length * 4));
  given.forEach(({ image, text }, i) => {
    for (const [input, { rows }] of Object.entries(inputs)) {
      if (Number.isInteger(image) && image >= 0 && image < rows) continue;
      throw new UserError(`${name}.captions[${i}]: image ${image}, but ${name}.inputs.${input} has ${rows} rows.`);
    }
    const words = wordsOf(text).map((word) => ids.get(word) ?? unkId);
    captions.set([startId, ...words, endId].slice(0, columns), i * columns);
    imageIdxs[i] = image;
  });
  const tables = Object.entries(inputs).map(([input, table]) => [input, sharedTable(table)]);
  return {
    name,
    captions,
    imageIdxs,
    count: given.length,
    columns,
    inputs: Object.fromEntries(tables) as Named<FeatureTable>,
    urls: null,
  };
}

function emptyTables(inputs: Named<FeatureTable>): Named<FeatureTable> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, table]) => [name, { ...table, data: new Float32Array(0), rows: 0 }]),
  );
}
