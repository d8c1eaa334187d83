/**
 * What a checkpoint every 100 steps costs at the COCO shape: rounds of 100 steps with one checkpoint and without, in
 * turns, so that whatever else the machine does meets both alike.
 *
 *   node bench/checkpoint-overhead.mjs [--rounds 10] [--steps 100] [--engine auto] [--workers N] [--cell lstm]
 *
 * A round with a checkpoint begins with its copy and is written while the steps go on; where the disk is slower than
 * that, its end is waited for within the round, which a real run would not do.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseConfigText } from '../dist/src/config/load.js';
import { syntheticDataset } from '../dist/src/data/synthetic.js';
import { CheckpointWriter } from '../dist/src/training/checkpoints/checkpoint-writer.js';
import { createTrainer } from '../dist/src/training/loop/trainer.js';
import { trainingSteps } from '../dist/src/training/loop/training-steps.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    steps: { type: 'string', default: '100' },
    engine: { type: 'string', default: 'auto' },
    workers: { type: 'string', default: String(availableParallelism()) },
    cell: { type: 'string', default: 'lstm' },
  },
});
const rounds = Number(values.rounds);
const stepsPerRound = Number(values.steps);

const config = parseConfigText(
  JSON.stringify({
    data: { dir: 'synthetic' },
    model: { cell: values.cell, wordDim: 256, hiddenDim: 512 },
    train: { batchSize: 100, epochs: 1000, workers: Number(values.workers) },
  }),
  'bench',
  [`engine=${values.engine}`],
);
const coco = { captions: 5000, images: 1000, steps: 16, featureDim: 512, vocabSize: 1004, lengths: 'full' };
const trainer = await createTrainer(config, {
  load: async () => syntheticDataset(coco, 231),
  onFault: (message) => console.error(message),
});
const { coordinator, engine } = trainer;
const { memory } = coordinator;
const folder = mkdtempSync(join(tmpdir(), 'recap-checkpoint-'));
const writer = new CheckpointWriter({ folder, runId: 'bench', memory, keep: 1, syncFirst: [], guardFile: folder });

const state = (step) => ({
  step,
  epoch: 1,
  validatedEpoch: 0,
  config: trainer.config,
  model: trainer.model.recipe,
  rule: trainer.settings.optimiser.rule,
  vocabulary: trainer.dataset.vocabulary.idxToWord,
  shards: trainer.shards,
  engine: engine.description,
  engineChoice: engine.choice,
  dataChecksum: '',
  validationLoss: null,
  bestValidation: null,
  bestStep: null,
  epochSums: null,
  elapsedSeconds: 0,
});

const iterator = trainingSteps(trainer, 1, Number.MAX_SAFE_INTEGER);
async function steps(count) {
  let last;
  for (let i = 0; i < count; i++) last = (await iterator.next()).value;
  return last.step;
}

/** Milliseconds of a round, and of the copy that the steps wait for. */
async function round(withCheckpoint, step) {
  const start = performance.now();
  let copyMs = 0;
  let saving = null;
  if (withCheckpoint) {
    saving = writer.save(state(step));
    copyMs = performance.now() - start;
  }
  const last = await steps(stepsPerRound);
  const result = await saving;
  if (result && !result.written) throw new Error(result.reason);
  return { ms: performance.now() - start, copyMs, writeMs: result?.milliseconds ?? 0, bytes: result?.bytes ?? 0, last };
}

const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

let step = await steps(10);
const pairs = [];
for (let i = 0; i < rounds; i++) {
  const order = i % 2 === 0 ? [false, true] : [true, false];
  const pair = {};
  for (const withCheckpoint of order) {
    const measured = await round(withCheckpoint, step);
    step = measured.last;
    pair[withCheckpoint ? 'with' : 'without'] = measured;
  }
  pairs.push(pair);
}
await writer.close();
await coordinator.close();
rmSync(folder, { recursive: true });

const overheads = pairs.map((pair) => (100 * (pair.with.ms - pair.without.ms)) / pair.without.ms);
const of = (key) => median(pairs.map((pair) => pair.with[key]));
const without = median(pairs.map((pair) => pair.without.ms));
console.log(
  `${engine.description.detail}; ${values.cell}, ${trainer.workers} workers, ${rounds} pairs of ${stepsPerRound} steps`,
);
console.log(`a step ${(without / stepsPerRound).toFixed(1)} ms; a checkpoint of ${(of('bytes') / 1e6).toFixed(1)} MB`);
console.log(`copied in ${of('copyMs').toFixed(1)} ms, written in ${of('writeMs').toFixed(0)} ms in the background`);
console.log(
  `overhead of a checkpoint every ${stepsPerRound} steps: median ${median(overheads).toFixed(2)}%, ` +
    `from ${Math.min(...overheads).toFixed(2)}% to ${Math.max(...overheads).toFixed(2)}%; the copy alone ` +
    `${((100 * of('copyMs')) / without).toFixed(2)}%`,
);
