/**
 * Worker threads and commands run what is compiled, so before the tests dist/ is brought up to date with the sources.
 * A type error does not stop the tests: the compiler emits all the same, and `npm test` checks types before.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** When the newest of the files was changed. */
function newest(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(...readdirSync(path).map((name) => newest(join(path, name))));
}

function outdated(output: string, sources: readonly string[]): boolean {
  return !existsSync(output) || statSync(output).mtimeMs < Math.max(...sources.map(newest));
}

export default function setup(): void {
  const common = ['package.json', 'tsconfig.json', 'tsconfig.build.json'];
  const run = (script: string) => spawnSync('npm', ['run', '--silent', script], { stdio: ['ignore', 2, 2] });
  if (outdated('dist/src/cli/main.js', ['src', 'workers', ...common])) run('build:ts');
  if (outdated('dist/src/serve/browser/main.js', ['src', 'scripts/build-pages.mjs'])) run('build:pages');
  if (outdated('dist/src/engine/cpu/kernels-relaxed.wasm', ['src/engine/cpu/wasm', 'scripts/build-wasm.mjs']))
    run('build:wasm');
}
