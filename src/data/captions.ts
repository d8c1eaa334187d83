/** Reads `coco2014_captions.h5`: token ids of the captions of both splits, and the image each belongs to. */
import { UserError } from '../errors.js';
import type { Hdf5Reader, Hdf5Table } from './hdf5.js';
import type { Vocabulary } from './vocabulary.js';

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

/** @throws UserError when the file is damaged, its tables do not fit each other, or a token is not in the vocabulary */
export async function readCaptions(
  reader: Hdf5Reader,
  path: string,
  vocabulary: Vocabulary,
): Promise<{ train: CaptionTable; val: CaptionTable }> {
  const captions = { rank: 2, numbers: 'integers' } as const;
  const imageIdxs = { rank: 1, numbers: 'integers' } as const;
  const tables = await reader.describe(path, {
    train_captions: captions,
    train_image_idxs: imageIdxs,
    val_captions: captions,
    val_image_idxs: imageIdxs,
  });
  const [train, val] = [tables.train_captions, tables.val_captions];
  if (train.columns !== val.columns) {
    throw new UserError(
      `${path}: 'train_captions' has ${train.columns} columns but 'val_captions' has ${val.columns}; both must have as many.`,
    );
  }
  return {
    train: await readSplit(reader, train, tables.train_image_idxs, vocabulary),
    val: await readSplit(reader, val, tables.val_image_idxs, vocabulary),
  };
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
  const captions = await reader.read(captionTable, 'int32');
  const outside = captions.findIndex((id) => id < 0 || id >= vocabulary.size);
  if (outside >= 0) {
    throw new UserError(
      `${path}: '${name}' has token ${captions[outside]} in row ${Math.floor(outside / columns)}, column ${outside % columns}, ` +
        `outside the vocabulary of ${vocabulary.size} words. Take captions and vocabulary from the same data set.`,
    );
  }
  return { path, captions, imageIdxs: await reader.read(imageTable, 'int32'), count, columns };
}
