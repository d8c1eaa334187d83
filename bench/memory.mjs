/**
 * Trains a few steps on features of the official size and reports the peak memory of the process and how long after
 * reading the features the first step was done (Linux):
 *
 *   python3 bench/make-official-size.py /tmp/official
 *   node bench/memory.mjs /tmp/official [--cell lstm] [--features fc7] [--steps 3] [--set KEY=VALUE]…
 *
 * With --grid, on a folder made with --grid, it trains attention to grids that are kept in float16. Such a folder has
 * --features fc7_pca too.
 */
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const sampleMs = 25;
const timeLimitMs = 600_000;
/** A process that reads less than this between two samples is no longer loading features. */
const loadingBytes = 4_000_000;
const megabyte = 1e6;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cell: { type: 'string', default: 'lstm' },
    features: { type: 'string', default: 'fc7' },
    steps: { type: 'string', default: '3' },
    set: { type: 'string', multiple: true, default: [] },
    grid: { type: 'boolean', default: false },
  },
});
const folder = positionals[0];
if (folder === undefined || !existsSync('/proc/self/status')) {
  console.error('node bench/memory.mjs FOLDER: a folder that bench/make-official-size.py wrote, on Linux');
  process.exit(2);
}

const { features } = options;
const files = ['coco2014_captions.h5', `train2014_vgg16_${features}.h5`, `val2014_vgg16_${features}.h5`].map((name) =>
  join(folder, name),
);
const grids = options.grid ? ['train2014_grid.h5', 'val2014_grid.h5'].map((name) => join(folder, name)) : [];
const bytesOf = (paths) => paths.reduce((sum, file) => sum + statSync(file).size, 0);
// Grids lie in their files in float32.
const dataBytes = bytesOf(files) + bytesOf(grids) / 2;
const attention = options.grid ? ['data.grid=true', 'model.attention=additive'] : [];
for (const file of files) for await (const _ of createReadStream(file, { highWaterMark: 1 << 22 }));

const run = mkdtempSync(join(tmpdir(), 'recap-memory-'));
const metrics = join(run, 'run', 'metrics.jsonl');
const start = performance.now();
const recap = spawn(
  process.execPath,
  [
    ...[fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url)), 'train'],
    ...['--config', fileURLToPath(new URL(`../config/coco-${options.cell}.yaml`, import.meta.url))],
    ...['--set', `data.dir=${folder}`, '--set', `data.features=${features}`, '--run', join(run, 'run')],
    ...[...attention, ...options.set].flatMap((override) => ['--set', override]),
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
let ended = null;
recap.on('exit', (code, signal) => {
  ended = signal ?? code;
});
recap.stdout.on('data', (text) => process.stdout.write(text));

/** Peak resident bytes and bytes read so far; null once the process is gone. */
function sample() {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${recap.pid}/status`, 'utf8'));
    const read = /rchar: (\d+)/.exec(readFileSync(`/proc/${recap.pid}/io`, 'utf8'));
    return peak && read ? { peak: 1024 * Number(peak[1]), read: Number(read[1]) } : null;
  } catch {
    return null;
  }
}

const loggedSteps = () =>
  existsSync(metrics) ? (readFileSync(metrics, 'utf8').match(/"type":"step"/g)?.length ?? 0) : 0;

let peak = 0;
let read = 0;
let endOfReading = start;
let firstStep = null;
while (ended === null && performance.now() - start < timeLimitMs) {
  const now = sample();
  if (now !== null) {
    peak = Math.max(peak, now.peak);
    if (firstStep === null && now.read - read > loadingBytes) endOfReading = performance.now();
    read = now.read;
  }
  const steps = loggedSteps();
  if (steps > 0) firstStep ??= performance.now();
  if (steps >= Number(options.steps)) break;
  await sleep(sampleMs);
}
const stoppedByUs = ended === null;
recap.kill('SIGKILL');
while (ended === null) await sleep(sampleMs);
rmSync(run, { recursive: true, force: true });

if (firstStep === null) {
  console.error(
    stoppedByUs ? `no step within ${timeLimitMs / 1000} s` : `train ended with ${ended} before its first step`,
  );
  process.exit(1);
}
/** Bytes that may be resident; COCO's grids are to train within 5 GB beside principal components. */
function allowed() {
  if (!options.grid) return 1.25 * dataBytes + 300 * megabyte;
  return features === 'fc7_pca' ? 5000 * megabyte : dataBytes + 500 * megabyte;
}
const limit = allowed();
const seconds = (from, to) => ((to - from) / 1000).toFixed(1);
const mb = (bytes) => (bytes / megabyte).toFixed(0);
console.log(
  `data ${mb(dataBytes)} MB; peak memory ${mb(peak)} MB (${(peak / 2 ** 30).toFixed(2)} GiB), ${peak <= limit ? 'within' : 'OVER'} the ${mb(limit)} MB allowed`,
);
console.log(
  `features read ${seconds(start, endOfReading)} s after the start, first step ${seconds(endOfReading, firstStep)} s after that (at most 10 s)`,
);
process.exitCode = peak <= limit && firstStep - endOfReading <= 10_000 ? 0 : 1;
