/** What happens when nobody takes the output any more: the reader of a pipe is gone, or the terminal. */
import { oneLine } from '../one-line.js';

/** Ends quietly, for a reader that has seen enough, such as `recap info | head -1`. */
export function endWithOutput(): void {
  process.stdout.on('error', endQuietly);
}

/** Goes on without it: what hours of training compute is in files. Only a reader that is gone needs no word of it. */
export function outliveOutput(): void {
  process.stdout.off('error', endQuietly);
  process.stdout.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    const message = `standard output cannot be written (${oneLine(error.message)}); the command goes on without it`;
    process.stderr.write(`warning: ${message}\n`);
  });
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
