/** The thread that writes checkpoints while training goes on; see src/training/checkpoints/checkpoint-writer.ts. */
import { parentPort } from 'node:worker_threads';
import { type CheckpointJob, writeCheckpointFile } from '../src/training/checkpoints/checkpoint-file.js';

parentPort?.on('message', (job: CheckpointJob) => parentPort?.postMessage(writeCheckpointFile(job)));
