/**
 * A data set in the layout of Stanford CS231n's `coco_captioning` folder: captions, the image each belongs to, image
 * features, and the vocabulary, everything large in shared memory.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../errors.js';
import type { ExtractorDescription } from '../features/description.js';
import type { Named, Precision } from '../tensor/matrix.js';
import { type CaptionTable, captionTexts, readCaptions } from './captions.js';
import { toCharacters } from './characters.js';
import { readExtractor } from './feature-description.js';
import { copyRow, type FeatureTable } from './feature-table.js';
import { captionFileName, featureFileName, gridFileName, urlFileName, vocabularyFileName } from './folder-files.js';
import { Hdf5Reader } from './hdf5.js';
import { holdOut } from './hold-out.js';
import {
  checkSameColumns,
  describeImages,
  elementsOf,
  firstImages,
  type ImageTables,
  readImages,
  withViews,
} from './image-tables.js';
import { ensureShapes } from './shapes/shapes.js';
import { readText } from './text-file.js';
import type { Vocabulary } from './vocabulary.js';
import { readVocabulary } from './vocabulary-file.js';

export type SplitName = 'train' | 'val';

/** Splits of a folder. The third one is for final scores, and nothing of training or selection reads it. */
export const folderSplits = ['train', 'val', 'test'] as const;
export type FolderSplit = (typeof folderSplits)[number];

export interface CaptionSplit {
  readonly name: SplitName;
  /** (count, columns) token ids, on a SharedArrayBuffer. */
  readonly captions: Int32Array;
  /** (count) the image that each caption describes, a row of each of `inputs`, on a SharedArrayBuffer. */
  readonly imageIdxs: Int32Array;
  readonly count: number;
  /** T + 1 */
  readonly columns: number;
  /** What a model is given of an image, by name; `features` (images, D) and `grid` (images, L·C) for captioners. */
  readonly inputs: Named<FeatureTable>;
  /** Rows of `inputs` for each image: the images themselves, then all of them from each further view; 1 if not given. */
  readonly views?: number;
  /** (images) where each image was found; null without a urls file. */
  readonly urls: readonly string[] | null;
}

export interface Dataset {
  readonly train: CaptionSplit;
  readonly val: CaptionSplit;
  readonly vocabulary: Vocabulary;
  /** Tells one data set from another: captions, indices, vocabulary, shapes of the features and a sample of them. */
  readonly checksum: string;
  /** What made the features, so that new photos can be given the same; null where the data does not say it. */
  readonly extractor: ExtractorDescription | null;
  /** What the user should know of how the data was taken, one line each. */
  readonly notes: readonly string[];
}

export interface DataConfig {
  /** The folder; null for a built-in set. */
  readonly dir: string | null;
  readonly builtin: 'shapes' | null;
  readonly features: 'fc7' | 'fc7_pca';
  /** Only the first n training captions; null for all. */
  readonly trainLimit: number | null;
  readonly tokens: 'word' | 'char';
  /** Images of the training split that are validated on in place of the validation split, which is then not read; 0: none. */
  readonly holdOut: number | null;
  /** Further views of each training image that are read; auto: all that there are, if any. */
  readonly views: number | 'auto';
  /** Whether grids are read beside the features. */
  readonly grid: boolean;
  /** What they are kept in: rounded once, when they are read, for every engine alike. */
  readonly gridPrecision: 'float16' | 'float32';
}

/**
 * @param precision `float64` keeps the digits of float64 features; otherwise features are float32
 * @param seed chooses the images that are held out
 * @param loading told how much of the features and grids has been read
 * @throws UserError when a file is missing, damaged or does not fit the others
 */
export async function loadDataset(
  config: DataConfig,
  precision: Precision,
  seed = 0,
  loading?: Loading,
): Promise<Dataset> {
  const folder = await dataFolder(config);
  const captionFile = join(folder, captionFileName);
  const words = readVocabulary(join(folder, vocabularyFileName));
  const names: readonly SplitName[] = config.holdOut === null ? ['train', 'val'] : ['train'];
  const images: ImageTables[] = [];
  const reader = readerOf(images, loading);
  try {
    const tables = await readCaptions(reader, captionFile, words, names);
    const { captions, vocabulary, notes } =
      config.tokens === 'char' ? toCharacters(tables, words) : { captions: tables, vocabulary: words, notes: [] };
    for (const name of names) {
      const tables = await describeImages(reader, folder, config, name);
      images.push(name === 'train' ? await withViews(reader, folder, config, name, tables) : tables);
    }
    checkSameColumns(images);
    const splits: CaptionSplit[] = [];
    for (const [i, name] of names.entries()) {
      splits.push(await makeSplit(reader, folder, name, captions[name], images[i]!, config, precision));
    }
    const [whole, validation] = splits as [CaptionSplit, CaptionSplit?];
    const [some, val] = validation ? [whole, validation] : holdOut(whole, config.holdOut!, seed, captionFile);
    const train = limit(some, config.trainLimit);
    const extractor = readExtractor(folder, config.features, images[0]!);
    const viewNotes = images[0]!.views ? [viewsNote(train.views! - 1)] : [];
    const checksum = checksumOf(train, val, vocabulary);
    return { train, val, vocabulary, checksum, extractor, notes: [...notes, ...viewNotes] };
  } finally {
    await reader.close();
  }
}

function viewsNote(views: number): string {
  return `each training image in ${views} further view${views === 1 ? '' : 's'} too`;
}

export type Loading = (done: number, of: number) => void;

/** @param images tables of which `loading` is told, once they are known */
function readerOf(images: readonly ImageTables[], loading: Loading = () => {}): Hdf5Reader {
  let done = 0;
  return new Hdf5Reader(undefined, (elements) => {
    if (images.length === 0) return;
    done += elements;
    loading(done, elementsOf(images));
  });
}

/**
 * What a model is given of the images of one split, for captioning without captions: needs the files of features, and of
 * grids where `config.grid` says so, alone.
 *
 * @param first how many of the images are read, from the first on
 * @param loading told how much of their features and grids has been read
 * @returns the images that were read, how many there are, and the urls of all
 * @throws UserError when a file is missing or damaged
 */
export async function loadImages(
  config: DataConfig,
  split: FolderSplit,
  precision: Precision,
  first = Number.POSITIVE_INFINITY,
  loading?: Loading,
): Promise<{ inputs: Named<FeatureTable>; images: number; urls: readonly string[] | null }> {
  const folder = await dataFolder(config);
  const wanted: ImageTables[] = [];
  const reader = readerOf(wanted, loading);
  try {
    const images = await describeImages(reader, folder, config, split);
    const { rows } = images.features;
    const urls = readUrls(folder, split, rows);
    const some = firstImages(images, first);
    wanted.push(some);
    return { inputs: await readImages(reader, some, precision, config.gridPrecision), images: rows, urls };
  } finally {
    await reader.close();
  }
}

/**
 * The captions of one split as texts, in words whatever a model writes in, by the image that each describes.
 *
 * @throws UserError when the file of captions or the vocabulary is missing or damaged
 */
export async function loadCaptionTexts(
  config: Pick<DataConfig, 'dir' | 'builtin' | 'features' | 'grid'>,
  split: FolderSplit,
): Promise<ReadonlyMap<number, string[]>> {
  const folder = await dataFolder(config);
  const words = readVocabulary(join(folder, vocabularyFileName));
  const reader = new Hdf5Reader();
  try {
    const tables = await readCaptions(reader, join(folder, captionFileName), words, [split]);
    return captionTexts(tables[split], words);
  } finally {
    await reader.close();
  }
}

async function dataFolder(config: Pick<DataConfig, 'dir' | 'builtin' | 'features' | 'grid'>): Promise<string> {
  if (config.builtin !== null) return ensureShapes();
  if (config.dir === null) throw new UserError('data.dir: not set. Give the coco_captioning folder, or data.builtin.');
  const stat = statSync(config.dir, { throwIfNoEntry: false });
  const expected = `Set data.dir to a folder that holds ${filesOf(config, ['train', 'val']).join(', ')}.`;
  const path = resolve(config.dir);
  if (!stat) {
    const where = path === config.dir ? '' : ` (it would be ${path})`;
    throw new UserError(`${config.dir}: no such folder${where}. ${expected}`);
  }
  if (!stat.isDirectory()) throw new UserError(`${config.dir}: not a folder. ${expected}`);
  if (!filesOf(config, folderSplits).some((name) => existsSync(join(config.dir!, name)))) {
    const where = path === config.dir ? '' : ` (in ${path})`;
    throw new UserError(`${config.dir}: none of the files of a data set is there${where}. ${expected}`);
  }
  return config.dir;
}

/** What a folder in this layout holds, as far as this config reads it. */
function filesOf({ features, grid }: Pick<DataConfig, 'features' | 'grid'>, splits: readonly FolderSplit[]): string[] {
  const images = (split: string) => [featureFileName(split, features), ...(grid ? [gridFileName(split)] : [])];
  return [captionFileName, vocabularyFileName, ...splits.flatMap(images)];
}

async function makeSplit(
  reader: Hdf5Reader,
  folder: string,
  name: SplitName,
  table: CaptionTable,
  images: ImageTables,
  config: DataConfig,
  precision: Precision,
): Promise<CaptionSplit> {
  const { path, rows } = images.features;
  const beyond = table.imageIdxs.findIndex((row) => row < 0 || row >= rows);
  if (beyond >= 0) {
    throw new UserError(
      `${table.path}: '${name}_image_idxs' has image ${table.imageIdxs[beyond]} at ${beyond}, outside the ` +
        `${rows} rows of ${path}. Take both from the same data set.`,
    );
  }
  const urls = readUrls(folder, name, rows);
  const inputs = await readImages(reader, images, precision, config.gridPrecision);
  const { captions, imageIdxs, count, columns } = table;
  const views = 1 + (images.views?.features.rows ?? 0) / rows;
  return { name, captions, imageIdxs, count, columns, inputs, views, urls };
}

function limit(split: CaptionSplit, count: number | null): CaptionSplit {
  if (count === null || count >= split.count) return split;
  const captions = split.captions.subarray(0, count * split.columns);
  return { ...split, captions, imageIdxs: split.imageIdxs.subarray(0, count), count };
}

/** One url a line, or a path from the folder; a file for another number of images belongs to other data. */
function readUrls(folder: string, split: FolderSplit, rows: number): string[] | null {
  const path = join(folder, urlFileName(split));
  if (!existsSync(path)) return null;
  const urls = readText(path).trimEnd().split(/\r?\n/);
  const base = `${pathToFileURL(folder)}/`;
  if (urls.length === rows) return urls.map((url) => (URL.canParse(url, base) ? new URL(url, base).href : url));
  throw new UserError(
    `${path}: ${urls.length} lines for ${rows} images. Take both from the same data set, or remove it.`,
  );
}

/** Rows of features that the checksum reads, evenly spaced. */
const sampledRows = 64;

/** Tells one data set from another. */
export function checksumOf(train: CaptionSplit, val: CaptionSplit, vocabulary: Vocabulary): string {
  const hash = createHash('sha256').update(JSON.stringify(vocabulary));
  for (const { captions, imageIdxs, count, columns, inputs } of [train, val]) {
    const tables = Object.values(inputs);
    const shapes = tables.flatMap(({ rows, columns, positions }) => [rows, columns, ...(positions ? [positions] : [])]);
    hash
      .update(JSON.stringify([count, columns, ...shapes]))
      .update(captions)
      .update(imageIdxs);
    for (const table of tables) {
      const every = Math.max(1, Math.floor(table.rows / sampledRows));
      // In float32, so that the precision of the engine makes no difference.
      const values = new Float32Array(table.columns);
      for (let row = 0; row < table.rows; row += every) {
        copyRow(table, row, values, 0);
        hash.update(values);
      }
    }
  }
  return hash.digest('hex');
}
