/** What runs in a browser: scripts/build-pages.mjs makes one script, and where needed one style, of each folder's browser/main.ts. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';

/**
 * @param folder of src whose page it is
 * @throws UserError when it is not built
 */
export function pageScript(folder: 'board' | 'export' | 'serve'): string {
  return built(folder, 'main.js');
}

/** @throws UserError when it is not built */
export function pageStyle(folder: 'board'): string {
  return built(folder, 'main.css');
}

function built(folder: string, name: string): string {
  const fromHere = import.meta.url.endsWith('.ts') ? '../../dist/src/' : '../';
  const path = fileURLToPath(new URL(`${fromHere}${folder}/browser/${name}`, import.meta.url));
  if (!existsSync(path)) throw new UserError(`${path} is missing: run \`npm run build\` first.`);
  return readFileSync(path, 'utf8');
}
