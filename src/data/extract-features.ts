/**
 * The features of all images of a data set, as files in its folder. What is done so far is kept in a folder beside them,
 * so that a process that is killed loses seconds; the files appear whole, when all is done.
 */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { writeComponents } from '../features/components-file.js';
import type { ComponentsDescription } from '../features/description.js';
import type { Extractor, ImageRows } from '../features/extractor.js';
import { fitComponents, project } from '../features/pca.js';
import { photoFile } from '../features/photo-files.js';
import { removeQuietly, syncFile, syncFolder, temporaryName } from '../files/atomic-file.js';
import { acquireLock } from '../files/lock.js';
import { isFolder, makeFolder } from '../files/make-folder.js';
import type { FolderSplit } from './dataset.js';
import { type Part, partsOf, rowsFile } from './extraction-parts.js';
import { ProgressRecord, type RowShapes } from './extraction-progress.js';
import { descriptionFileName, writeFeatureDescription } from './feature-description.js';
import { FeatureRows, rowBlocks } from './feature-rows.js';
import { featureFileName, gridFileName, viewsFileName } from './folder-files.js';
import { furtherView } from './further-views.js';
import { Hdf5Thread } from './hdf5-client.js';
import type { NewTable } from './hdf5-writing.js';
import { readImageLists } from './image-lists.js';

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
  /** Further views of each training image, in files of their own. */
  readonly views?: number;
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
/**
 * Writes `SPLIT2014_vgg16_fc7.h5`, where the extractor gives grids `SPLIT2014_grid.h5`, the same of further views, and
 * what made them.
 *
 * @throws UserError when an image cannot be decoded, or a file cannot be read or written; what is done is kept
 */
export async function extractFeatures(
  folder: string,
  extractor: Extractor,
  { pca = null, views = 0, events = {} }: ExtractionOptions = {},
): Promise<ExtractionOutcome> {
  if (!isFolder(folder)) throw new UserError(`${folder}: no such folder. Name the data folder by --data.`);
  const lists = readImageLists(folder);
  const parts = partsOf(folder, lists, views);
  const partial = join(folder, partialFolderName);
  try {
    makeFolder(partial);
  } catch (error) {
    throw new UserError(`${partial} cannot be made (${(error as NodeJS.ErrnoException).code}).`);
  }
  const lock = await acquireLock(partial, `The folder ${partial}`, events.waiting ? { waiting: events.waiting } : {});
  try {
    const rows = await extractAll(partial, parts, extractor, events);
    const files = await writeTables(folder, parts, rows, extractor, pca, events);
    lock.release();
    rmSync(partial, { recursive: true, force: true });
    const images = Object.fromEntries(lists.map(({ split, paths }) => [split, paths.length]));
    return { images, columns: rows.columns, grid: rows.grid, files };
  } finally {
    lock.release();
  }
}

/** Rows that a killed process had done are taken from it where it had the same images and the same extractor. */
async function extractAll(
  partial: string,
  parts: readonly Part[],
  extractor: Extractor,
  events: ExtractionEvents,
): Promise<RowShapes> {
  const record = new ProgressRecord(partial, parts, extractor);
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  const before = parts.reduce((sum, part) => sum + record.of(part), 0);
  if (before > 0) events.resumed?.(before, total);
  const start = performance.now();
  let done = before;
  let shapes: RowShapes | null = record.shapes;
  for (const part of parts) {
    const first = record.of(part);
    let files: { features: FeatureRows; grid: FeatureRows | null } | null = null;
    const keep = () => {
      if (files !== null) record.save(part, files, shapes!, true);
    };
    // Before the lock of the folder is released.
    process.prependOnceListener('exit', keep);
    try {
      for await (const found of inOrder(extractor, part, first)) {
        shapes ??= shapesOf(found);
        files ??= openRows(partial, part, shapes, first);
        files.features.append(found.features.data);
        files.grid?.append(found.grid!.data);
        done += found.features.data.length / shapes.columns;
        record.save(part, files, shapes, files.features.rows === part.count);
        const seconds = (performance.now() - start) / 1000;
        const imagesPerSecond = (done - before) / seconds;
        events.progress?.({ done, total, imagesPerSecond, secondsLeft: (total - done) / imagesPerSecond });
      }
    } finally {
      process.off('exit', keep);
      keep();
      files?.features.close();
      files?.grid?.close();
    }
  }
  return shapes!;
}

function shapesOf({ features, grid }: ImageRows): RowShapes {
  const cells = grid === null ? null : { positions: grid.positions, columns: grid.columns };
  return { columns: features.columns, grid: cells };
}

function openRows(partial: string, part: Part, { columns, grid }: RowShapes, rows: number) {
  const features = new FeatureRows(rowsFile(partial, part, 'features'), columns);
  features.cutTo(rows);
  if (grid === null) return { features, grid: null };
  const cells = new FeatureRows(rowsFile(partial, part, 'grid'), grid.positions * grid.columns);
  cells.cutTo(rows);
  return { features, grid: cells };
}

/** The rows of the images from `first` on, batch by batch in their order, with some batches under way at a time. */
async function* inOrder(extractor: Extractor, part: Part, first: number): AsyncGenerator<ImageRows> {
  const underWay: Promise<ImageRows>[] = [];
  for (let at = first; at < part.count; at += extractor.batch) {
    const batch = rowsOf(extractor, part, at, Math.min(at + extractor.batch, part.count));
    // Where an earlier one fails, nobody waits for this one.
    batch.catch(() => {});
    underWay.push(batch);
    if (underWay.length > extractor.lanes) yield await underWay.shift()!;
  }
  while (underWay.length > 0) yield await underWay.shift()!;
}

async function rowsOf(
  extractor: Extractor,
  { list: { lines, paths }, views }: Part,
  from: number,
  to: number,
): Promise<ImageRows> {
  const images = Array.from({ length: to - from }, (_, i) => {
    const [image, view] = [(from + i) % paths.length, 1 + Math.floor((from + i) / paths.length)];
    return extractor.decode(photoFile(paths[image]!, lines[image]!), views > 0 ? furtherView(image, view) : undefined);
  });
  return await extractor.extract(await Promise.all(images));
}

async function writeTables(
  folder: string,
  parts: readonly Part[],
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
    // It describes features that are about to be replaced, of which these would be views no more.
    rmSync(join(folder, descriptionFileName), { force: true });
    for (const file of [featureFileName('train', 'fc7'), featureFileName('train', 'fc7_pca'), gridFileName('train')]) {
      removeQuietly(join(folder, viewsFileName(file)));
    }
    const pca = count === null ? null : projectRows(folder, parts, columns, count, events);
    for (const part of parts) {
      const { split, count: n } = part;
      const name = (file: string) => (part.views > 0 ? viewsFileName(file) : file);
      const [features, projected] = [name(featureFileName(split, 'fc7')), name(featureFileName(split, 'fc7_pca'))];
      await write(features, rowsFile(partial, part, 'features'), 'features', [n, columns]);
      if (grid) {
        const shape = [n, grid.positions, grid.columns];
        await write(name(gridFileName(split)), rowsFile(partial, part, 'grid'), 'grid', shape);
      }
      if (pca) await write(projected, rowsFile(partial, part, 'projected'), 'features', [n, pca.columns]);
    }
    const views = parts.reduce((most, part) => Math.max(most, part.views), 0);
    writeFeatureDescription(folder, { extractor: extractor.description, columns, grid, pca, views });
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
  parts: readonly Part[],
  columns: number,
  count: number,
  events: ExtractionEvents,
): ComponentsDescription {
  const partial = join(folder, partialFolderName);
  const train = parts.find(({ split, views }) => split === 'train' && views === 0);
  if (!train)
    throw new UserError(`--pca: ${folder} has no training images (train2014_images.txt) to fit components to.`);
  const most = Math.min(columns, train.count);
  if (count > most) {
    throw new UserError(
      `--pca: found ${count}, expected at most ${most}: ${train.count} training images have features of ${columns} ` +
        'columns.',
    );
  }
  events.writing?.(join(folder, componentsFileName));
  const blocksOf = (part: Part) => rowBlocks(rowsFile(partial, part, 'features'), part.count, columns);
  const trainRows = new Float32Array(train.count * columns);
  let filled = 0;
  for (const block of blocksOf(train)) {
    trainRows.set(block, filled);
    filled += block.length;
  }
  const fitted = fitComponents(trainRows, columns, count);
  const [components, described] = writeComponents(join(folder, componentsFileName), fitted);
  for (const part of parts) {
    const projected = new FeatureRows(rowsFile(partial, part, 'projected'), count);
    projected.cutTo(0);
    for (const block of blocksOf(part)) projected.append(project(block, columns, components));
    projected.close();
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
