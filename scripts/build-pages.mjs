// Makes one file for browsers of each page, src/**/browser/main.ts, with all that it imports.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
await build({
  absWorkingDir: root,
  entryPoints: ['src/**/browser/main.ts'],
  outbase: 'src',
  outdir: 'dist/src',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
});
