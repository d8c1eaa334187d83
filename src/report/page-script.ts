/** What runs in a browser: scripts/build-pages.mjs makes one file of each folder's browser/main.ts. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';

/**
 * @param folder of src whose page it is
 * @throws UserError when it is not built
 */
export function pageScript(folder: 'export' | 'serve'): string {
  const fromHere = import.meta.url.endsWith('.ts') ? '../../dist/src/' : '../';
  const path = fileURLToPath(new URL(`${fromHere}${folder}/browser/main.js`, import.meta.url));
  if (!existsSync(path)) throw new UserError(`${path} is missing: run \`npm run build\` first.`);
  return readFileSync(path, 'utf8');
}
