/** Reads `coco2014_captions.h5`: token ids of the captions of both splits, and the image each belongs to. */
import { UserError } from '../errors.js';
import { mostSteps } from '../tensor/model-spec.js';
import type { FolderSplit } from './dataset.js';
import type { Hdf5Reader, Hdf5Table } from './hdf5.js';
import { quote } from './quote.js';
import { nullId, startId, type Vocabulary } from './vocabulary.js';

export interface CaptionTable {
  /** The file they came from. */
  readonly path: string;
  /** (count, columns) token ids, on a SharedArrayBuffer. */
  readonly captions: Int32Array;
  /** (count) image of each caption, on a SharedArrayBuffer. */
  readonly imageIdxs: Int32Array;
  readonly count: number;
  readonly columns: number;
}

type Captions = Pick<CaptionTable, 'captions' | 'imageIdxs' | 'count' | 'columns'>;

/** The caption of one row. */
export function captionText({ captions, columns }: Captions, row: number, vocabulary: Vocabulary): string {
  return vocabulary.decode(captions.subarray(row * columns, (row + 1) * columns));
}

/** The captions of each image, in the order in which they come. */
export function captionTexts(table: Captions, vocabulary: Vocabulary): Map<number, string[]> {
  const texts = new Map<number, string[]>();
  for (let row = 0; row < table.count; row++) {
    const image = table.imageIdxs[row]!;
    const text = captionText(table, row, vocabulary);
    const others = texts.get(image);
    if (others) others.push(text);
    else texts.set(image, [text]);
  }
  return texts;
}

/**
 * @param splits those that are read, of which no other needs to be there
 * @throws UserError when the file is damaged, its tables do not fit each other, or a token is not in the vocabulary
 */
export async function readCaptions<S extends FolderSplit>(
  reader: Hdf5Reader,
  path: string,
  vocabulary: Vocabulary,
  splits: readonly S[],
): Promise<Record<S, CaptionTable>> {
  const described = await reader.describe(
    path,
    Object.fromEntries(
      splits.flatMap((split) => [
        [`${split}_captions`, { rank: 2, numbers: 'integers' } as const],
        [`${split}_image_idxs`, { rank: 1, numbers: 'integers' } as const],
      ]),
    ),
  );
  const captionsOf = (split: S) => described[`${split}_captions`]!;
  const [first, second] = splits.map(captionsOf);
  if (first && second && first.columns !== second.columns) {
    throw new UserError(
      `${path}: '${first.name}' has ${first.columns} columns but '${second.name}' has ${second.columns}; both must have as many.`,
    );
  }
  const tables: Partial<Record<S, CaptionTable>> = {};
  for (const split of splits) {
    tables[split] = await readSplit(reader, captionsOf(split), described[`${split}_image_idxs`]!, vocabulary);
  }
  return tables as Record<S, CaptionTable>;
}

async function readSplit(
  reader: Hdf5Reader,
  captionTable: Hdf5Table,
  imageTable: Hdf5Table,
  vocabulary: Vocabulary,
): Promise<CaptionTable> {
  const { path, name, rows: count, columns } = captionTable;
  if (imageTable.rows !== count) {
    throw new UserError(
      `${path}: '${name}' has ${count} rows but '${imageTable.name}' has ${imageTable.rows}; each caption needs one image index.`,
    );
  }
  if (columns < 2) {
    throw new UserError(`${path}: '${name}' has ${columns} column; a caption needs at least <START> and <END>.`);
  }
  if (columns > mostSteps + 1) {
    throw new UserError(
      `${path}: '${name}' has ${columns} columns; expected at most ${mostSteps + 1}. Cut the captions.`,
    );
  }
  const captions = await reader.read(captionTable, 'int32');
  const outside = captions.findIndex((id) => id < 0 || id >= vocabulary.size);
  if (outside >= 0) {
    throw new UserError(
      `${path}: '${name}' has token ${captions[outside]} in row ${Math.floor(outside / columns)}, column ${outside % columns}, ` +
        `outside the vocabulary of ${vocabulary.size} words. Take captions and vocabulary from the same data set.`,
    );
  }
  checkCaptions(captionTable, captions, vocabulary);
  return { path, captions, imageIdxs: await reader.read(imageTable, 'int32'), count, columns };
}

/** Decoding begins with `<START>`: a model that never read it as the first word has not learnt what comes first. */
function checkCaptions({ path, name, rows, columns }: Hdf5Table, captions: Int32Array, vocabulary: Vocabulary): void {
  for (let row = 0; row < rows; row++) {
    const caption = captions.subarray(row * columns, (row + 1) * columns);
    if (caption[0] !== startId) {
      throw new UserError(
        `${path}: '${name}' begins with ${quote(vocabulary.idxToWord[caption[0]!])} (token ${caption[0]}) in row ${row}, where ` +
          `<START> (token ${startId}) is expected. A caption is <START>, its words, <END>, then <NULL> up to the row's end.`,
      );
    }
    if (caption.every((id, t) => t === 0 || id === nullId)) {
      throw new UserError(
        `${path}: '${name}' has nothing but <NULL> after <START> in row ${row}. Give the caption words, or leave it and ` +
          'its image index out.',
      );
    }
  }
}
