/** A thread that draws a part of a bootstrap's resamples; see src/evaluation/resampling.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Resampling, resampledSums } from '../src/evaluation/resampling.js';

parentPort?.postMessage(resampledSums(workerData as Resampling));
