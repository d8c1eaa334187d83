/** Where the compiled files lie that worker threads load. */
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

/**
 * The URL from which a worker can import a module: its own, or that of its compiled form in dist/ when the sources of
 * this package themselves run.
 */
export function loadableModule(url: string): string {
  const sources = new URL('../', import.meta.url).href;
  if (!url.endsWith('.ts') || !url.startsWith(sources)) return url;
  const compiled = `../../dist/src/${url.slice(sources.length).replace(/\.ts$/, '.js')}`;
  return new URL(compiled, import.meta.url).href;
}
