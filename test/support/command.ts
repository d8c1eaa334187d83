/** Runs the compiled command as a program of its own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export interface CommandOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `recap WORDS...` in the repository's root, or another folder. */
export function recap(words: readonly string[], folder?: string): CommandOutcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    encoding: 'utf8',
    cwd: folder,
    timeout: 250_000,
  });
  return { status, stdout, stderr };
}
