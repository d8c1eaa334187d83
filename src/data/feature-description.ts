/** The file beside a data set's features that says what made them, so that new photos can be given the same. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { componentsSchema, type ExtractorDescription, extractorSchema } from '../features/description.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import type { ImageTables } from './image-tables.js';
import { readJson } from './text-file.js';

export const descriptionFileName = 'features.json';

const size = z.int().min(1);

const fileSchema = z.object({
  formatVersion: z.literal(1),
  extractor: extractorSchema,
  /** D */
  columns: size,
  /** L and C */
  grid: z.object({ positions: size, columns: size }).nullable(),
  /** Of the features in `SPLIT2014_vgg16_fc7_pca.h5`; null where there are none. */
  pca: componentsSchema.nullable(),
  /** Further views of each training image. */
  views: z.int().min(0).default(0),
});

export type FeatureDescription = Readonly<z.infer<typeof fileSchema>>;

export function writeFeatureDescription(folder: string, description: Omit<FeatureDescription, 'formatVersion'>): void {
  const text = JSON.stringify({ formatVersion: 1, ...description }, null, 2);
  writeFileAtomically(join(folder, descriptionFileName), `${text}\n`);
}

/**
 * What made the features of a data set; null where nothing says it.
 *
 * @param name of the file of features that is read
 * @throws UserError when the file is damaged, or describes other features than those that are there
 */
export function readExtractor(
  folder: string,
  name: 'fc7' | 'fc7_pca',
  { features, grid, views }: ImageTables,
): ExtractorDescription | null {
  const path = join(folder, descriptionFileName);
  if (!existsSync(path)) return null;
  const remedy = `Make the features by recap features, or remove ${descriptionFileName} where they come from elsewhere.`;
  const found = fileSchema.safeParse(readJson(path));
  if (!found.success) {
    const [issue] = found.error.issues;
    throw new UserError(`${path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}. ${remedy}`);
  }
  const { extractor, grid: cells } = found.data;
  const pca = name === 'fc7' ? null : found.data.pca;
  const columns = name === 'fc7' ? found.data.columns : pca?.columns;
  if (columns !== features.columns) {
    throw new UserError(
      `${path}: describes features of ${columns ?? 'no'} columns, ${features.path} has ${features.columns}. ${remedy}`,
    );
  }
  if (grid !== null && (cells?.columns ?? 0) * (cells?.positions ?? 0) !== grid.columns) {
    throw new UserError(`${path}: describes other grids than those of ${grid.path}. ${remedy}`);
  }
  if (views !== null && views.features.rows > found.data.views * features.rows) {
    throw new UserError(
      `${path}: describes features without the further views in ${views.features.path}, which others made. Make both ` +
        'by one recap features --views, or set data.views=0.',
    );
  }
  return { ...extractor, pca: pca && { ...pca, path: resolve(folder, pca.path) } };
}
