/** The thread that touches a lock file for as long as the process lives, however busy it is; see src/files/lock.ts. */
import { utimes } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { file, interval } = workerData as { readonly file: string; readonly interval: number };

let isBusy = false;
setInterval(() => {
  // A disk that does not answer is asked once.
  if (isBusy) return;
  isBusy = true;
  const now = new Date();
  utimes(file, now, now, () => {
    isBusy = false;
  });
}, interval);
