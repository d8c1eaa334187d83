/**
 * Captions images by beam search in recap and in PyTorch, in turn on this machine, and prints a table of seconds:
 * node bench/decode.mjs --help
 */
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { captionInputs, configOf, loadDataset, readCheckpoint } from '../dist/src/index.js';

const usage = `node bench/decode.mjs --checkpoint FILE --data DIR [--beam 5] [--rounds 3] [--python PYTHON]

  --checkpoint  of an LSTM of one layer without attention
  --data        the folder in CS231n's layout that it was trained on; its validation images are captioned
  --beam        hypotheses of an image (5)
  --rounds      alternating rounds, of which the best counts (3)
  --python      the Python that has h5py, numpy and torch (/usr/bin/python3)

recap's seconds are those of a call of captionInputs, with the start of its workers; PyTorch's those of the search.`;

const { values: options } = parseArgs({
  options: {
    checkpoint: { type: 'string' },
    data: { type: 'string' },
    beam: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    python: { type: 'string', default: '/usr/bin/python3' },
    help: { type: 'boolean', default: false },
  },
});

const script = fileURLToPath(new URL('peers/torch_beam.py', import.meta.url));

function torch(threads, batch) {
  const features = join(options.data, 'val2014_vgg16_fc7.h5');
  const words = ['--checkpoint', options.checkpoint, '--features', features, '--beam', options.beam];
  const run = [...words, '--threads', threads, '--batch', batch, '--rounds', '1'].map(String);
  const { stdout, stderr, status } = spawnSync(options.python, [script, ...run], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr.trimEnd().split('\n').at(-1));
  return JSON.parse(stdout);
}

async function recap(checkpoint, inputs, workers) {
  const start = performance.now();
  const { decoded } = await captionInputs(checkpoint, inputs, { workers, decoding: { beam: Number(options.beam) } });
  return { seconds: (performance.now() - start) / 1000, captions: decoded.map(([best]) => best.words) };
}

async function main() {
  if (options.help || !options.checkpoint || !options.data) return console.log(usage);
  const checkpoint = readCheckpoint(options.checkpoint);
  const { data } = configOf({
    ...checkpoint.state.config,
    data: { ...checkpoint.state.config.data, dir: options.data },
  });
  const { inputs } = (await loadDataset(data, 'float32')).val;
  const cores = os.availableParallelism();
  const counts = cores === 1 ? [1] : [1, cores];
  const programs = counts.flatMap((threads) => [
    { name: '**recap**', threads, run: () => recap(checkpoint, inputs, threads) },
    ...[25, 50, 200].map((batch) => ({
      name: `PyTorch, ${batch} images at a time`,
      threads,
      run: () => torch(threads, batch),
    })),
  ]);
  const results = programs.map((program) => ({ ...program, seconds: Number.POSITIVE_INFINITY, captions: [] }));
  for (let round = 1; round <= Number(options.rounds); round++) {
    console.error(`Round ${round} of ${options.rounds}, load ${os.loadavg()[0].toFixed(1)}`);
    for (const result of results) {
      const { seconds, captions } = await result.run();
      result.seconds = Math.min(result.seconds, seconds);
      result.captions = captions;
    }
  }
  const [own] = results;
  console.log(`Beam ${options.beam} over ${own.captions.length} images; the best of ${options.rounds} rounds\n`);
  console.log('| | threads | seconds | images/s | captions as recap’s |\n|---|---:|---:|---:|---:|');
  for (const { name, threads, seconds, captions } of results) {
    const same = captions.filter((words, i) => words.join() === own.captions[i].join()).length / captions.length;
    const speed = (captions.length / seconds).toFixed(0);
    console.log(`| ${name} | ${threads} | ${seconds.toFixed(2)} | ${speed} | ${(100 * same).toFixed(1)}% |`);
  }
}

await main();
