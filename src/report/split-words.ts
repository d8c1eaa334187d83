/** Which images the printed commands take that caption images of the data. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import { featureFileName } from '../data/folder-files.js';

/**
 * The words that follow such a command: none for the validation split, which they take of themselves. Data of which
 * images are held out need have none.
 *
 * @param data of the run's config, where it can be read
 */
export function splitWords(data: Config['data'] | null): string {
  if (data === null || data.dir === null || data.holdOut === null) return '';
  return existsSync(join(data.dir, featureFileName('val', data.features))) ? '' : ' --split train';
}
