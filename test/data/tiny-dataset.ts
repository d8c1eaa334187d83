/** A data set of a few rows in the CS231n layout, to be read as it is or spoiled in one place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { File, type Group, type GuessableDataTypes, ready } from 'h5wasm/node';
import { afterAll } from 'vitest';
import type { DataConfig } from '../../src/data/dataset.js';

export interface TableSpec {
  readonly data: GuessableDataTypes;
  readonly shape: number[];
  readonly dtype?: string;
  readonly maxshape?: (number | null)[];
  readonly chunks?: number[];
  readonly compression?: number;
}

export type Tables = Readonly<Record<string, TableSpec>>;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Gone when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'recap-data-'));
  folders.push(folder);
  return folder;
}

export type FileFormat = 'newest' | 'oldest';

/** @param more adds what is no plain table: groups and links */
export async function writeHdf5(
  path: string,
  tables: Tables,
  more: (root: Group) => void = () => {},
  format: FileFormat = 'oldest',
): Promise<void> {
  await ready;
  const file = new File(path, 'w', { libver: format === 'oldest' ? ['earliest', 'latest'] : 'latest' });
  for (const [name, spec] of Object.entries(tables)) file.create_dataset({ name, ...spec });
  more(file);
  file.close();
}

export const words = ['<NULL>', '<START>', '<END>', '<UNK>', 'a', 'red', 'ball'];

export const captionTables: Tables = {
  train_captions: { data: Int32Array.from([1, 4, 6, 2, 0, 1, 4, 5, 6, 2, 1, 3, 2, 0, 0]), shape: [3, 5] },
  train_image_idxs: { data: Int32Array.from([0, 1, 1]), shape: [3] },
  val_captions: { data: Int32Array.from([1, 5, 6, 2, 0, 1, 6, 2, 0, 0]), shape: [2, 5] },
  val_image_idxs: { data: Int32Array.from([0, 1]), shape: [2] },
};

export function featureTables(rows = 2, columns = 3): Tables {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => i / 4);
  return { features: { data, shape: [rows, columns] } };
}

const plainData = {
  builtin: null,
  features: 'fc7',
  trainLimit: null,
  tokens: 'word',
  holdOut: null,
  views: 0,
  grid: false,
  gridPrecision: 'float16',
} as const;

/** (rows, positions, columns) */
export function gridTables(rows = 2, positions = 3, columns = 2): Tables {
  const data = Float32Array.from({ length: rows * positions * columns }, (_, i) => i / 8 - 1);
  return { grid: { data, shape: [rows, positions, columns] } };
}

/** What to write otherwise, by file name: other tables, or the bytes themselves. */
export type Changes = Readonly<Record<string, Tables | string | Buffer>>;

/** Writes the folder and returns the config that loads it. */
export async function tinyDataset(changes: Changes = {}): Promise<DataConfig & { dir: string }> {
  const dir = temporaryFolder();
  const files: Changes = {
    'coco2014_captions.h5': captionTables,
    'coco2014_vocab.json': JSON.stringify({ idx_to_word: words, word_to_idx: wordToIdx(words) }),
    'train2014_vgg16_fc7.h5': featureTables(),
    'val2014_vgg16_fc7.h5': featureTables(),
    ...changes,
  };
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(join(dir, name), content);
    else await writeHdf5(join(dir, name), content as Tables);
  }
  return { ...plainData, dir };
}

export function wordToIdx(list: readonly string[]): Record<string, number> {
  return Object.fromEntries(list.map((word, id) => [word, id]));
}
