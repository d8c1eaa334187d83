/** Data as one process can describe it to another, which then has the same. */
import type { Precision } from '../tensor/matrix.js';
import { type DataConfig, type Dataset, type Loading, loadDataset } from './dataset.js';
import { fullLength, type SyntheticShape, syntheticDataset } from './synthetic.js';

export interface DataSource {
  /** Random captions of this shape; null for the data that the config names. */
  readonly synthetic: SyntheticShape | null;
  /** Whether the words of every caption are repeated up to full length. */
  readonly fullLength: boolean;
}

/** What the config names, as it is. */
export const configuredData: DataSource = { synthetic: null, fullLength: false };

/**
 * @param seed chooses the images that are held out, or the random captions
 * @throws UserError when a file is missing, damaged or does not fit the others
 */
export async function loadSource(
  source: DataSource,
  config: DataConfig,
  precision: Precision,
  seed: number,
  loading?: Loading,
): Promise<Dataset> {
  const dataset = source.synthetic
    ? syntheticDataset(source.synthetic, seed)
    : await loadDataset(config, precision, seed, loading);
  return source.fullLength ? fullLength(dataset) : dataset;
}
