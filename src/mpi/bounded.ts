/** Calls that block a thread's event loop and wait for other processes. */
import { Worker } from 'node:worker_threads';

/** Ends the process, since nothing else can when its main thread is in a call. */
const watchdog = `
const { workerData: { text, seconds } } = require('node:worker_threads');
setTimeout(() => {
  require('node:fs').writeSync(2, text);
  process.kill(process.pid, 'SIGKILL');
}, seconds * 1000);
`;

/** What `call` returns; a process in which it takes longer says so and is killed. */
export function bounded<T>(name: string, seconds: number, call: () => T): T {
  const text =
    `recap: ${name} has not returned within ${seconds} s, because another process of the job was never there or ` +
    'has gone. This one ends.\n';
  const worker = new Worker(watchdog, { eval: true, workerData: { text, seconds }, execArgv: [] });
  worker.unref();
  try {
    return call();
  } finally {
    void worker.terminate();
  }
}
