/** The entry file of a shard worker: Piscina loads it once a thread and calls its default export with each task. */
import { workerData } from 'node:worker_threads';
import { createShardWorker } from '../src/training/parallel/shard-worker.js';
import type { WorkerSetup } from '../src/training/parallel/tasks.js';

export default await createShardWorker(workerData as WorkerSetup);
