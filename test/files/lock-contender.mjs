/**
 * Contends for locks, in its main thread and in a worker thread: for each line of standard input, the name of a folder,
 * both try to take it, with delays anywhere. Prints `held` or the reason of the refusal, one line each; what was held is
 * given free at the next line.
 */
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { acquireLock } from '../../dist/src/files/lock.js';

const between = async () => {
  if (Math.random() < 0.3) await setTimeout(Math.random() * 5);
};

let lock = null;
async function contend(folder) {
  lock?.release();
  lock = null;
  try {
    lock = await acquireLock(folder, 'The folder', { between });
    return 'held';
  } catch (error) {
    return error.message;
  }
}

if (isMainThread) {
  const thread = new Worker(new URL(import.meta.url));
  thread.on('message', (answer) => console.log(answer));
  createInterface({ input: process.stdin })
    .on('line', async (folder) => {
      thread.postMessage(folder);
      console.log(await contend(folder));
    })
    .on('close', () => process.exit());
} else {
  parentPort.on('message', async (folder) => parentPort.postMessage(await contend(folder)));
}
