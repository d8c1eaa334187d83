/** What a model is given of the images of a split: their features, and their grids where the config wants them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { Named, Precision } from '../tensor/matrix.js';
import type { DataConfig, FolderSplit } from './dataset.js';
import type { FeatureTable } from './feature-table.js';
import { featureFileName, gridFileName, viewsFileName } from './folder-files.js';
import { mostViews } from './further-views.js';
import type { Hdf5Reader, Hdf5Table } from './hdf5.js';

/** Tables that are in their files, and not read yet. */
export interface ImageTables {
  readonly features: Hdf5Table;
  /** (n, L, C); null where none is wanted. */
  readonly grid: Hdf5Table | null;
  /** The same of further views of the images, all images from one view and then from the next; null where none is wanted. */
  readonly views: Omit<ImageTables, 'views'> | null;
}

const featureTable = { features: { rank: 2, numbers: 'floats' } } as const;
const gridTable = { grid: { rank: 3, numbers: 'smallFloats' } } as const;

/** @throws UserError when a file is missing or damaged, or the two have another number of images */
export async function describeImages(
  reader: Hdf5Reader,
  folder: string,
  { features: name, grid }: Pick<DataConfig, 'features' | 'grid'>,
  split: FolderSplit,
): Promise<ImageTables> {
  const { features } = await reader.describe(join(folder, featureFileName(split, name)), featureTable);
  if (!grid) return { features, grid: null, views: null };
  const tables = await reader.describe(join(folder, gridFileName(split)), gridTable);
  if (tables.grid.rows === features.rows) return { features, grid: tables.grid, views: null };
  throw new UserError(
    `${tables.grid.path}: grids of ${tables.grid.rows} images, but ${features.path} has ${features.rows}. Take both ` +
      'from the same data set.',
  );
}

/**
 * Adds the first `config.views` further views of the images, or all that there are.
 *
 * @throws UserError when a file of them is missing or damaged, has too few, or is of other images
 */
export async function withViews(
  reader: Hdf5Reader,
  folder: string,
  config: Pick<DataConfig, 'features' | 'views'>,
  split: FolderSplit,
  { features, grid }: ImageTables,
): Promise<ImageTables> {
  if (config.views === 0) return { features, grid, views: null };
  const pathOf = (file: string) => join(folder, viewsFileName(file));
  const [path, gridPath] = [pathOf(featureFileName(split, config.features)), pathOf(gridFileName(split))];
  if (config.views === 'auto' && !existsSync(path)) return { features, grid, views: null };
  for (const each of grid ? [path, gridPath] : [path]) refuseMissing(each);
  const { features: ofFeatures } = await reader.describe(path, featureTable);
  const count = config.views === 'auto' ? Math.min(viewsIn(ofFeatures, features), mostViews) : config.views;
  const views = { features: firstViews(ofFeatures, features, count), grid: null };
  if (!grid) return { features, grid, views };
  const { grid: ofGrid } = await reader.describe(gridPath, gridTable);
  return { features, grid, views: { ...views, grid: firstViews(ofGrid, grid, count) } };
}

function refuseMissing(path: string): void {
  if (existsSync(path)) return;
  throw new UserError(
    `${path}: no such file, which data.views asks for. Put it back, make it by recap features --views, or set ` +
      'data.views=0 for a new run.',
  );
}

/** How many views a table has of each of the images of another. */
function viewsIn(views: Hdf5Table, images: Hdf5Table): number {
  const found = views.rows / images.rows;
  if (Number.isInteger(found) && rowShape(views) === rowShape(images)) return found;
  throw new UserError(
    `${views.path}: ${views.rows} rows of ${rowShape(views)}, but ${images.path} has ${images.rows} of ` +
      `${rowShape(images)}. Make both by one recap features --views.`,
  );
}

function firstViews(views: Hdf5Table, images: Hdf5Table, count: number): Hdf5Table {
  const found = viewsIn(views, images);
  if (count <= found) return { ...views, rows: count * images.rows };
  throw new UserError(
    `${views.path}: ${found} views of each image, where data.views asks for ${count}. Set at most ${found}, or make ` +
      'more by recap features --views.',
  );
}

/** What a row of a table is. */
function rowShape({ description }: Hdf5Table): string {
  return description.shape.slice(1).join(' × ');
}

/** Numbers that are to be read. */
export function elementsOf(images: readonly ImageTables[]): number {
  const tables = images.flatMap(({ features, grid, views }) => [features, grid, views?.features, views?.grid]);
  return tables.filter((table) => table != null).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
}

/** The first of the images, as far as there are so many. */
export function firstImages({ features, grid }: ImageTables, count: number): ImageTables {
  const rows = Math.min(count, features.rows);
  return { features: { ...features, rows }, grid: grid && { ...grid, rows }, views: null };
}

/** @throws UserError when the two splits do not come from the same network */
export function checkSameColumns([train, val]: readonly ImageTables[]): void {
  if (!train || !val) return;
  if (train.features.columns !== val.features.columns) {
    throw new UserError(
      `${val.features.path}: features of ${val.features.columns} columns, but ${train.features.path} has ` +
        `${train.features.columns}. Both must come from the same network.`,
    );
  }
  if (!train.grid || !val.grid || gridText(train.grid) === gridText(val.grid)) return;
  throw new UserError(
    `${val.grid.path}: grids of ${gridText(val.grid)}, but ${train.grid.path} has ${gridText(train.grid)}. Both must ` +
      'come from the same network.',
  );
}

function gridText({ description }: Hdf5Table): string {
  const [, positions, columns] = description.shape;
  return `${positions} vectors of ${columns} columns`;
}

/**
 * @param precision `float64` keeps the digits of float64 features; otherwise features are float32
 * @throws UserError when a file is damaged or has a number that is not finite
 */
export async function readImages(
  reader: Hdf5Reader,
  { features, grid, views }: ImageTables,
  precision: Precision,
  gridPrecision: DataConfig['gridPrecision'],
): Promise<Named<FeatureTable>> {
  const { columns, description } = features;
  const float64 = precision === 'float64' && description.dtype === 'float64';
  const rows = features.rows + (views?.features.rows ?? 0);
  const all = views ? [features, views.features] : [features];
  const inputs = { features: { data: await reader.read(all, float64 ? 'float64' : 'float32'), rows, columns } };
  if (!grid) return inputs;
  const data = await reader.read(views?.grid ? [grid, views.grid] : [grid], gridPrecision);
  const positions = grid.description.shape[1]!;
  return { ...inputs, grid: { data, rows, columns: grid.columns, positions } };
}
