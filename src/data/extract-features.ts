/**
 * The features of all images of a data set, as files in its folder. What is done so far is kept in a folder beside them,
 * so that a process that is killed loses seconds; the files appear whole, when all is done.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { writeComponents } from '../features/components-file.js';
import { type ComponentsDescription, isSameExtractor } from '../features/description.js';
import type { Extractor, ImageRows } from '../features/extractor.js';
import { fitComponents, project } from '../features/pca.js';
import { photoFile } from '../features/photo-files.js';
import { removeQuietly, syncFile, syncFolder, temporaryName, writeFileAtomically } from '../files/atomic-file.js';
import { acquireLock } from '../files/lock.js';
import { isFolder, makeFolder } from '../files/make-folder.js';
import type { FolderSplit } from './dataset.js';
import { descriptionFileName, writeFeatureDescription } from './feature-description.js';
import { FeatureRows, rowBlocks } from './feature-rows.js';
import { Hdf5Thread } from './hdf5-client.js';
import type { NewTable } from './hdf5-writing.js';
import { type ImageList, readImageLists } from './image-lists.js';

export interface ExtractionProgress {
  /** Images that have features, and all. */
  readonly done: number;
  readonly total: number;
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
}

export interface ExtractionEvents {
  /** An earlier process had done so many of all images. */
  readonly resumed?: (done: number, total: number) => void;
  readonly progress?: (progress: ExtractionProgress) => void;
  readonly writing?: (path: string) => void;
  readonly waiting?: (message: string) => void;
}

export interface ExtractionOptions {
  /** Components that features are projected to, in a file of their own; null for none. */
  readonly pca?: number | null;
  readonly events?: ExtractionEvents;
}

export interface ExtractionOutcome {
  readonly images: Readonly<Partial<Record<FolderSplit, number>>>;
  /** D */
  readonly columns: number;
  readonly grid: { readonly positions: number; readonly columns: number } | null;
  readonly files: readonly string[];
}

const partialFolderName = 'features.partial';
/** Milliseconds between two moments from which a killed process goes on. */
const recordInterval = 2000;

/**
 * Writes `SPLIT2014_vgg16_fc7.h5`, where the extractor gives grids `SPLIT2014_grid.h5`, and what made them.
 *
 * @throws UserError when an image cannot be decoded, or a file cannot be read or written; what is done is kept
 */
export async function extractFeatures(
  folder: string,
  extractor: Extractor,
  { pca = null, events = {} }: ExtractionOptions = {},
): Promise<ExtractionOutcome> {
  if (!isFolder(folder)) throw new UserError(`${folder}: no such folder. Name the data folder by --data.`);
  const lists = readImageLists(folder);
  const partial = join(folder, partialFolderName);
  try {
    makeFolder(partial);
  } catch (error) {
    throw new UserError(`${partial} cannot be made (${(error as NodeJS.ErrnoException).code}).`);
  }
  const lock = await acquireLock(partial, `The folder ${partial}`, events.waiting ? { waiting: events.waiting } : {});
  try {
    const rows = await extractAll(partial, lists, extractor, events);
    const files = await writeTables(folder, lists, rows, extractor, pca, events);
    lock.release();
    rmSync(partial, { recursive: true, force: true });
    const images = Object.fromEntries(lists.map(({ split, paths }) => [split, paths.length]));
    return { images, columns: rows.columns, grid: rows.grid, files };
  } finally {
    lock.release();
  }
}

interface RowShapes {
  /** D */
  readonly columns: number;
  readonly grid: { readonly positions: number; readonly columns: number } | null;
}

/** Rows that a killed process had done are taken from it where it had the same images and the same extractor. */
async function extractAll(
  partial: string,
  lists: readonly ImageList[],
  extractor: Extractor,
  events: ExtractionEvents,
): Promise<RowShapes> {
  const record = new ProgressRecord(partial, lists, extractor);
  const total = lists.reduce((sum, { paths }) => sum + paths.length, 0);
  const before = lists.reduce((sum, { split }) => sum + record.of(split), 0);
  if (before > 0) events.resumed?.(before, total);
  const start = performance.now();
  let done = before;
  let shapes: RowShapes | null = record.shapes;
  for (const { split, lines, paths } of lists) {
    const first = record.of(split);
    let files: { features: FeatureRows; grid: FeatureRows | null } | null = null;
    try {
      for await (const found of inOrder(extractor, lines, paths, first)) {
        shapes ??= shapesOf(found);
        files ??= openRows(partial, split, shapes, first);
        files.features.append(found.features.data);
        files.grid?.append(found.grid!.data);
        done += found.features.data.length / shapes.columns;
        record.save(split, files, shapes, files.features.rows === paths.length);
        const seconds = (performance.now() - start) / 1000;
        const imagesPerSecond = (done - before) / seconds;
        events.progress?.({ done, total, imagesPerSecond, secondsLeft: (total - done) / imagesPerSecond });
      }
    } finally {
      if (files !== null) {
        record.save(split, files, shapes!, true);
        files.features.close();
        files.grid?.close();
      }
    }
  }
  return shapes!;
}

function shapesOf({ features, grid }: ImageRows): RowShapes {
  const cells = grid === null ? null : { positions: grid.positions, columns: grid.columns };
  return { columns: features.columns, grid: cells };
}

function openRows(partial: string, split: FolderSplit, { columns, grid }: RowShapes, rows: number) {
  const features = new FeatureRows(rowsFile(partial, split, 'features'), columns);
  features.cutTo(rows);
  if (grid === null) return { features, grid: null };
  const cells = new FeatureRows(rowsFile(partial, split, 'grid'), grid.positions * grid.columns);
  cells.cutTo(rows);
  return { features, grid: cells };
}

function rowsFile(partial: string, split: FolderSplit, table: 'features' | 'grid' | 'projected'): string {
  return join(partial, `${split}.${table}`);
}

/** The rows of the images from `first` on, batch by batch in their order, with some batches under way at a time. */
async function* inOrder(
  extractor: Extractor,
  lines: readonly string[],
  paths: readonly string[],
  first: number,
): AsyncGenerator<ImageRows> {
  const underWay: Promise<ImageRows>[] = [];
  for (let at = first; at < paths.length; at += extractor.batch) {
    const batch = rowsOf(extractor, lines.slice(at, at + extractor.batch), paths.slice(at, at + extractor.batch));
    // Where an earlier one fails, nobody waits for this one.
    batch.catch(() => {});
    underWay.push(batch);
    if (underWay.length > extractor.lanes) yield await underWay.shift()!;
  }
  while (underWay.length > 0) yield await underWay.shift()!;
}

async function rowsOf(extractor: Extractor, lines: readonly string[], paths: readonly string[]): Promise<ImageRows> {
  const images = await Promise.all(paths.map((path, i) => extractor.decode(photoFile(path, lines[i]!))));
  return await extractor.extract(images);
}

/** What is done of each split, on the disk. */
class ProgressRecord {
  private readonly path: string;
  private readonly done: Partial<Record<FolderSplit, number>> = {};
  private readonly identity: unknown;
  private saved = performance.now();
  readonly shapes: RowShapes | null = null;

  constructor(partial: string, lists: readonly ImageList[], extractor: Extractor) {
    this.path = join(partial, 'progress.json');
    const hash = createHash('sha256').update(JSON.stringify(lists.map(({ split, lines }) => [split, lines])));
    const identity = { extractor: extractor.description, images: hash.digest('hex') };
    this.identity = identity;
    if (!existsSync(this.path)) return;
    const earlier = JSON.parse(readFileSync(this.path, 'utf8')) as {
      identity: typeof identity;
      shapes: RowShapes;
      done: Partial<Record<FolderSplit, number>>;
    };
    if (earlier.identity.images !== identity.images) return;
    if (!isSameExtractor(earlier.identity.extractor, extractor.description)) return;
    this.done = earlier.done;
    this.shapes = earlier.shapes;
  }

  of(split: FolderSplit): number {
    return this.done[split] ?? 0;
  }

  save(
    split: FolderSplit,
    { features, grid }: { features: FeatureRows; grid: FeatureRows | null },
    shapes: RowShapes,
    isDue: boolean,
  ): void {
    if (!isDue && performance.now() - this.saved < recordInterval) return;
    features.flush();
    grid?.flush();
    this.done[split] = features.rows;
    writeFileAtomically(this.path, JSON.stringify({ identity: this.identity, shapes, done: this.done }));
    this.saved = performance.now();
  }
}

async function writeTables(
  folder: string,
  lists: readonly ImageList[],
  { columns, grid }: RowShapes,
  extractor: Extractor,
  count: number | null,
  events: ExtractionEvents,
): Promise<string[]> {
  const partial = join(folder, partialFolderName);
  const files: string[] = [];
  const thread = new Hdf5Thread();
  const write = async (file: string, rows: string, name: 'features' | 'grid', shape: readonly number[]) => {
    const path = join(folder, file);
    events.writing?.(path);
    const [height, ...inner] = shape as [number, ...number[]];
    const columns = inner.reduce((product, size) => product * size, 1);
    await writeTable(thread, path, { name, shape, blocks: rowBlocks(rows, height, columns) });
    files.push(path);
  };
  try {
    // It describes features that are about to be replaced.
    rmSync(join(folder, descriptionFileName), { force: true });
    const pca = count === null ? null : projectRows(folder, lists, columns, count, events);
    for (const { split, paths } of lists) {
      const n = paths.length;
      await write(`${split}2014_vgg16_fc7.h5`, rowsFile(partial, split, 'features'), 'features', [n, columns]);
      if (grid) {
        const shape = [n, grid.positions, grid.columns];
        await write(`${split}2014_grid.h5`, rowsFile(partial, split, 'grid'), 'grid', shape);
      }
      if (pca) {
        const shape = [n, pca.columns];
        await write(`${split}2014_vgg16_fc7_pca.h5`, rowsFile(partial, split, 'projected'), 'features', shape);
      }
    }
    writeFeatureDescription(folder, { extractor: extractor.description, columns, grid, pca });
  } finally {
    await thread.close();
  }
  return files;
}

const componentsFileName = 'fc7_pca.safetensors';

/**
 * Fits components to the training features, and writes the rows of all splits along them.
 *
 * @throws UserError when there are no training images, or more components than columns or images
 */
function projectRows(
  folder: string,
  lists: readonly ImageList[],
  columns: number,
  count: number,
  events: ExtractionEvents,
): ComponentsDescription {
  const partial = join(folder, partialFolderName);
  const train = lists.find(({ split }) => split === 'train');
  if (!train)
    throw new UserError(`--pca: ${folder} has no training images (train2014_images.txt) to fit components to.`);
  const most = Math.min(columns, train.paths.length);
  if (count > most) {
    throw new UserError(
      `--pca: found ${count}, expected at most ${most}: ${train.paths.length} training images have features of ${columns} ` +
        'columns.',
    );
  }
  events.writing?.(join(folder, componentsFileName));
  const rowsOfSplit = (split: FolderSplit) => {
    const bytes = readFileSync(rowsFile(partial, split, 'features'));
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  };
  const fitted = fitComponents(rowsOfSplit('train'), columns, count);
  const [components, described] = writeComponents(join(folder, componentsFileName), fitted);
  for (const { split } of lists) {
    const projected = project(rowsOfSplit(split), columns, components);
    writeFileAtomically(rowsFile(partial, split, 'projected'), new Uint8Array(projected.buffer));
  }
  return { ...described, path: componentsFileName };
}

/** @throws UserError when the disk refuses it */
async function writeTable(thread: Hdf5Thread, path: string, table: NewTable): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await thread.write(temporary, [table]);
    syncFile(temporary);
    renameSync(temporary, path);
    syncFolder(join(path, '..'));
  } catch (error) {
    removeQuietly(temporary);
    throw new UserError(`${path} cannot be written: ${(error as Error).message}. Is the disk full?`);
  }
}
