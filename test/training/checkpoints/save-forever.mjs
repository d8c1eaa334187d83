/**
 * Trains nothing and saves all the time, until it is killed: `node save-forever.mjs RUN`. After step s every parameter
 * is s, every m is 2s and every v is 3s. Prints "ready" once it has found where to go on,
 * and "saved" when the first checkpoint is on the disk.
 */
import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { allocateSharedMemory, trainedView } from '../../../dist/src/engine/shared-memory.js';
import { family } from '../../../dist/src/model/captioner.js';
import { layoutOf } from '../../../dist/src/tensor/layout.js';
import { stateOfRule } from '../../../dist/src/tensor/update-rules.js';
import { CheckpointWriter } from '../../../dist/src/training/checkpoints/checkpoint-writer.js';
import { cutBackMetrics } from '../../../dist/src/training/run/cut-back-metrics.js';
import { MetricsLog } from '../../../dist/src/training/run/metrics-log.js';
import { RunFolder } from '../../../dist/src/training/run/run-folder.js';

const dir = process.argv[2];
const run = existsSync(`${dir}/config.yaml`) ? await RunFolder.open(dir) : await RunFolder.create({ dir }, '');
const resumed = run.newestCheckpoint((_path, why) => {
  throw new Error(why);
});
let step = resumed?.state.step ?? 0;
cutBackMetrics(run.metricsPath, step);

const options = { cell: 'lstm', layers: 1, residual: false, wordDim: 64, hiddenDim: 128 };
const dimensions = { inputs: { features: 256 }, vocabSize: 500, steps: 4 };
const model = { family: family.name, options, dimensions };
const layout = layoutOf(family.spec(options, dimensions).parameters);
const memory = allocateSharedMemory({
  layout,
  precision: 'float32',
  states: stateOfRule.adam,
  shards: 1,
  arenaBytes: 0,
});
const metrics = new MetricsLog(run.metricsPath, {
  warn: (message) => {
    throw new Error(message);
  },
  mayWrite: () => run.holding().state === 'held',
});
const writer = new CheckpointWriter({
  folder: run.checkpointsDir,
  runId: run.runId,
  memory,
  keep: 2,
  syncFirst: [run.metricsPath],
  guardFile: run.guardFile,
});
const engine = { engine: 'cpu', precision: 'float32', supplier: '', detail: '', notes: [] };
console.log('ready');
let hasSaved = false;
for (;;) {
  step++;
  [memory.parameters, memory.states.m, memory.states.v].forEach((offset, i) => {
    trainedView(memory, offset).fill((i + 1) * step);
  });
  metrics.append({ type: 'step', step, loss: 1 / step });
  metrics.write();
  const saving = writer.save({
    step,
    epoch: 1,
    validatedEpoch: 0,
    config: {},
    model,
    rule: 'adam',
    vocabulary: ['a'],
    shards: 1,
    engine,
    engineChoice: {},
    dataChecksum: '',
    validationLoss: null,
    bestValidation: null,
    bestStep: null,
    epochSums: null,
    plateaus: { best: null, waited: 0, count: 0 },
    earlyStopping: { best: null, waited: 0 },
    elapsedSeconds: 0,
  });
  void saving.then(({ written }) => {
    if (written && !hasSaved) console.log('saved');
    hasSaved ||= written;
  });
  await setImmediate();
}
