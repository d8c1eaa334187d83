/** What happens when nobody takes the output any more: the reader of a pipe is gone, or the terminal. */

/** Ends quietly, for a reader that has seen enough, such as `recap info | head -1`. */
export function endWithOutput(): void {
  process.stdout.on('error', endQuietly);
}

/** Goes on without it: what hours of training compute is in files. */
export function outliveOutput(): void {
  process.stdout.off('error', endQuietly);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
