/**
 * Trains nothing and saves all the time, until it is killed: `node save-forever.mjs RUN`. After step s every parameter
 * is s, every m is 2s and every v is 3s. Prints "ready" once it has found where to go on.
 */
import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { allocateSharedMemory, flatView } from '../../dist/src/engine/shared-memory.js';
import { parameterLayout } from '../../dist/src/model/parameters.js';
import { cutBackMetrics, MetricsLog } from '../../dist/src/report/metrics-log.js';
import { CheckpointWriter } from '../../dist/src/training/checkpoint-writer.js';
import { RunFolder } from '../../dist/src/training/run-folder.js';

const dir = process.argv[2];
const run = existsSync(`${dir}/config.yaml`) ? RunFolder.open(dir) : RunFolder.create(dir, '');
const resumed = run.newestCheckpoint((_path, why) => {
  throw new Error(why);
});
let step = resumed?.state.step ?? 0;
cutBackMetrics(run.metricsPath, step);

const model = { cell: 'lstm', featureDim: 256, wordDim: 64, hiddenDim: 128, vocabSize: 500, steps: 4 };
const memory = allocateSharedMemory(parameterLayout(model), 'float32', 1, 0);
const metrics = new MetricsLog(run.metricsPath, (message) => {
  throw new Error(message);
});
const writer = new CheckpointWriter({
  folder: run.checkpointsDir,
  runId: run.runId,
  memory,
  keep: 2,
  syncFirst: [run.metricsPath],
});
const engine = { engine: 'cpu', precision: 'float32', supplier: '', detail: '', notes: [] };
console.log('ready');
for (;;) {
  step++;
  [memory.parameters, memory.m, memory.v].forEach((offset, i) => {
    flatView(memory, offset).fill((i + 1) * step);
  });
  metrics.append({ type: 'step', step, loss: 1 / step });
  metrics.write();
  void writer.save({
    step,
    epoch: 1,
    validatedEpoch: 0,
    config: {},
    model,
    vocabulary: ['a'],
    shards: 1,
    engine,
    engineChoice: {},
    dataChecksum: '',
    validationLoss: null,
    bestValidationLoss: null,
    elapsedSeconds: 0,
  });
  await setImmediate();
}
