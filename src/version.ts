import { existsSync, readFileSync } from 'node:fs';

/** The package's own manifest, from the source (src) or from the compiled file (dist/src). */
const manifest = ['../package.json', '../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(url));

/** The version of this package. */
export const version: string = JSON.parse(readFileSync(manifest!, 'utf8')).version;
