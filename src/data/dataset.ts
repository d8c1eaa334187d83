/**
 * A data set in the layout of Stanford CS231n's `coco_captioning` folder: captions, the image each belongs to, image
 * features, and the vocabulary, everything large in shared memory.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Precision } from '../engine/engine.js';
import { UserError } from '../errors.js';
import { type CaptionTable, readCaptions } from './captions.js';
import { toCharacters } from './characters.js';
import { Hdf5Reader, type Hdf5Table } from './hdf5.js';
import { ensureShapes } from './shapes/shapes.js';
import { readText } from './text-file.js';
import type { Vocabulary } from './vocabulary.js';
import { readVocabulary } from './vocabulary-file.js';

export type SplitName = 'train' | 'val';

/** (rows, columns) row-major, on a SharedArrayBuffer. */
export interface FeatureTable {
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  /** D */
  readonly columns: number;
}

export interface CaptionSplit {
  readonly name: SplitName;
  /** (count, columns) token ids, on a SharedArrayBuffer. */
  readonly captions: Int32Array;
  /** (count) the row of `features` that each caption describes, on a SharedArrayBuffer. */
  readonly imageIdxs: Int32Array;
  readonly count: number;
  /** T + 1 */
  readonly columns: number;
  readonly features: FeatureTable;
  /** (rows of `features`) where each image was found; null without a urls file. */
  readonly urls: readonly string[] | null;
}

export interface Dataset {
  readonly train: CaptionSplit;
  readonly val: CaptionSplit;
  readonly vocabulary: Vocabulary;
  /** Tells one data set from another: captions, indices, vocabulary, shapes of the features and a sample of them. */
  readonly checksum: string;
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
}

/**
 * @param precision `float64` keeps the digits of float64 features; otherwise features are float32
 * @throws UserError when a file is missing, damaged or does not fit the others
 */
export async function loadDataset(config: DataConfig, precision: Precision): Promise<Dataset> {
  const folder = await dataFolder(config);
  const words = readVocabulary(join(folder, 'coco2014_vocab.json'));
  const reader = new Hdf5Reader();
  try {
    const tables = await readCaptions(reader, join(folder, 'coco2014_captions.h5'), words);
    const { train, val, vocabulary, notes } =
      config.tokens === 'char' ? toCharacters(tables, words) : { ...tables, vocabulary: words, notes: [] };
    const features = {
      train: await describeFeatures(reader, folder, config, 'train'),
      val: await describeFeatures(reader, folder, config, 'val'),
    };
    checkColumns(features.train, features.val);
    const trainSplit = await makeSplit(
      reader,
      folder,
      'train',
      limit(train, config.trainLimit),
      features.train,
      precision,
    );
    const valSplit = await makeSplit(reader, folder, 'val', val, features.val, precision);
    const checksum = checksumOf(trainSplit, valSplit, vocabulary);
    return { train: trainSplit, val: valSplit, vocabulary, checksum, notes };
  } finally {
    await reader.close();
  }
}

/**
 * Image features of one split, for captioning without captions: needs the feature file alone.
 *
 * @throws UserError when the file is missing or damaged
 */
export async function loadFeatures(
  config: DataConfig,
  split: SplitName,
  precision: Precision,
): Promise<{ features: FeatureTable; urls: readonly string[] | null }> {
  const folder = await dataFolder(config);
  const reader = new Hdf5Reader();
  try {
    const table = await describeFeatures(reader, folder, config, split);
    return { features: await readFeatures(reader, table, precision), urls: readUrls(folder, split, table.rows) };
  } finally {
    await reader.close();
  }
}

async function dataFolder(config: DataConfig): Promise<string> {
  if (config.builtin !== null) return ensureShapes();
  if (config.dir === null) throw new UserError('data.dir: not set. Give the coco_captioning folder, or data.builtin.');
  const stat = statSync(config.dir, { throwIfNoEntry: false });
  if (!stat) throw new UserError(`${config.dir}: no such folder. Set data.dir to the coco_captioning folder.`);
  if (!stat.isDirectory())
    throw new UserError(`${config.dir}: not a folder. Set data.dir to the coco_captioning folder.`);
  return config.dir;
}

async function describeFeatures(
  reader: Hdf5Reader,
  folder: string,
  config: DataConfig,
  split: SplitName,
): Promise<Hdf5Table> {
  const path = join(folder, `${split}2014_vgg16_${config.features}.h5`);
  const { features } = await reader.describe(path, { features: { rank: 2, numbers: 'floats' } });
  return features;
}

function checkColumns(train: Hdf5Table, val: Hdf5Table): void {
  if (train.columns === val.columns) return;
  throw new UserError(
    `${val.path}: features of ${val.columns} columns, but ${train.path} has ${train.columns}. Both must come from the same network.`,
  );
}

async function readFeatures(reader: Hdf5Reader, table: Hdf5Table, precision: Precision): Promise<FeatureTable> {
  const float64 = precision === 'float64' && table.description.dtype === 'float64';
  const data = await reader.read(table, float64 ? 'float64' : 'float32');
  return { data, rows: table.rows, columns: table.columns };
}

async function makeSplit(
  reader: Hdf5Reader,
  folder: string,
  name: SplitName,
  table: CaptionTable,
  featureTable: Hdf5Table,
  precision: Precision,
): Promise<CaptionSplit> {
  const beyond = table.imageIdxs.findIndex((row) => row < 0 || row >= featureTable.rows);
  if (beyond >= 0) {
    throw new UserError(
      `${table.path}: '${name}_image_idxs' has image ${table.imageIdxs[beyond]} at ${beyond}, outside the ` +
        `${featureTable.rows} rows of ${featureTable.path}. Take both from the same data set.`,
    );
  }
  const urls = readUrls(folder, name, featureTable.rows);
  const features = await readFeatures(reader, featureTable, precision);
  const { captions, imageIdxs, count, columns } = table;
  return { name, captions, imageIdxs, count, columns, features, urls };
}

function limit(table: CaptionTable, count: number | null): CaptionTable {
  if (count === null || count >= table.count) return table;
  const captions = table.captions.subarray(0, count * table.columns);
  return { ...table, captions, imageIdxs: table.imageIdxs.subarray(0, count), count };
}

/** One url a line, or a path from the folder; a file for another number of images belongs to other data. */
function readUrls(folder: string, split: SplitName, rows: number): string[] | null {
  const path = join(folder, `${split}2014_urls.txt`);
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

function checksumOf(train: CaptionSplit, val: CaptionSplit, vocabulary: Vocabulary): string {
  const hash = createHash('sha256').update(JSON.stringify(vocabulary));
  for (const { captions, imageIdxs, count, columns, features } of [train, val]) {
    hash
      .update(JSON.stringify([count, columns, features.rows, features.columns]))
      .update(captions)
      .update(imageIdxs);
    const every = Math.max(1, Math.floor(features.rows / sampledRows));
    for (let row = 0; row < features.rows; row += every) {
      const values = features.data.subarray(row * features.columns, (row + 1) * features.columns);
      // In float32, so that the precision they are kept in makes no difference.
      hash.update(Float32Array.from(values));
    }
  }
  return hash.digest('hex');
}
