/** What a model is given of the images of a split: their features, and their grids where the config wants them. */
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { Named, Precision } from '../tensor/matrix.js';
import type { DataConfig, FolderSplit } from './dataset.js';
import type { FeatureTable } from './feature-table.js';
import type { Hdf5Reader, Hdf5Table } from './hdf5.js';

/** Tables that are in their files, and not read yet. */
export interface ImageTables {
  readonly features: Hdf5Table;
  /** (n, L, C); null where none is wanted. */
  readonly grid: Hdf5Table | null;
}

/** @throws UserError when a file is missing or damaged, or the two have another number of images */
export async function describeImages(
  reader: Hdf5Reader,
  folder: string,
  { features: name, grid }: Pick<DataConfig, 'features' | 'grid'>,
  split: FolderSplit,
): Promise<ImageTables> {
  const path = join(folder, `${split}2014_vgg16_${name}.h5`);
  const { features } = await reader.describe(path, { features: { rank: 2, numbers: 'floats' } });
  if (!grid) return { features, grid: null };
  const tables = await reader.describe(join(folder, `${split}2014_grid.h5`), {
    grid: { rank: 3, numbers: 'smallFloats' },
  });
  if (tables.grid.rows === features.rows) return { features, grid: tables.grid };
  throw new UserError(
    `${tables.grid.path}: grids of ${tables.grid.rows} images, but ${features.path} has ${features.rows}. Take both ` +
      'from the same data set.',
  );
}

/** Numbers that are to be read. */
export function elementsOf(images: readonly ImageTables[]): number {
  const tables = images.flatMap(({ features, grid }) => (grid ? [features, grid] : [features]));
  return tables.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
}

/** The first of the images, as far as there are so many. */
export function firstImages({ features, grid }: ImageTables, count: number): ImageTables {
  const rows = Math.min(count, features.rows);
  return { features: { ...features, rows }, grid: grid && { ...grid, rows } };
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
  { features, grid }: ImageTables,
  precision: Precision,
  gridPrecision: DataConfig['gridPrecision'],
): Promise<Named<FeatureTable>> {
  const { rows, columns, description } = features;
  const float64 = precision === 'float64' && description.dtype === 'float64';
  const inputs = { features: { data: await reader.read(features, float64 ? 'float64' : 'float32'), rows, columns } };
  if (!grid) return inputs;
  const data = await reader.read(grid, gridPrecision);
  const positions = grid.description.shape[1]!;
  return { ...inputs, grid: { data, rows: grid.rows, columns: grid.columns, positions } };
}
