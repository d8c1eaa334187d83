/** Where the compiled entry files of worker threads lie. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';

/**
 * The path of workers/NAME, compiled: beside this file's folder in dist/, or in dist/ when the sources themselves run,
 * as they do under vitest, because a worker thread cannot load TypeScript.
 *
 * @throws UserError when it is not built
 */
export function workerFile(name: string): string {
  const fromHere = import.meta.url.endsWith('.ts') ? '../../dist/workers/' : '../../workers/';
  const path = fileURLToPath(new URL(`${fromHere}${name}.js`, import.meta.url));
  if (!existsSync(path)) throw new UserError(`${path} is missing: run \`npm run build\` first.`);
  return path;
}
