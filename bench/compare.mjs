/**
 * Runs the same training step in recap, numpy and PyTorch, in turn on this machine, and prints a table of captions per
 * second: node bench/compare.mjs --help
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peers, recapRuns } from './peer-list.mjs';

const usage = `node bench/compare.mjs [--cell lstm|rnn] [--attention] [--data DIR] [--rounds 5] [--steps 20] [--peers A,B] [--json FILE]

  --cell     lstm (default) or rnn
  --attention  with additive attention over grids of 49 × 352, at full length: recap and PyTorch, the LSTM
  --lengths  full: random captions at full length in COCO's shapes (default without --data)
             data: captions as long as they are (default with --data, which it needs)
  --data     a folder in CS231n's layout, for real captions and PCA features
  --rounds   alternating rounds after the screening one (5)
  --steps    measured steps a run (20)
  --peers    only runs whose name contains one of these texts, commas between them
  --json     write every measured line to this file
  --check    first check that numpy and PyTorch agree on loss and gradients
  --python   the Python that has numpy and torch (/usr/bin/python3), such as that of a virtual environment

It uses every core it may run on: for two of many, taskset -c 0,1 node bench/compare.mjs …`;

/** A peer slower than the best by more than this is measured once only. */
const screeningFactor = 1.5;
const screeningSteps = 6;
const timeLimitMs = 180_000;

const { values: options } = parseArgs({
  options: {
    cell: { type: 'string', default: 'lstm' },
    attention: { type: 'boolean', default: false },
    lengths: { type: 'string' },
    data: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '20' },
    peers: { type: 'string' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
    python: { type: 'string', default: '/usr/bin/python3' },
    help: { type: 'boolean', default: false },
  },
});

/** The JSON line a command printed, or why there is none. */
function runOnce(peer, steps) {
  const [program, ...args] = peer.command(Math.min(steps, peer.mostSteps ?? steps));
  const { stdout, stderr, status, error } = spawnSync(program, args, {
    env: { ...process.env, ...peer.env },
    encoding: 'utf8',
    timeout: timeLimitMs,
    killSignal: 'SIGKILL',
  });
  const line = (stdout ?? '')
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .at(-1);
  if (status === 0 && line !== undefined) return { ...JSON.parse(line), peer: peer.name };
  if (error?.code === 'ETIMEDOUT') return { failure: `took more than ${timeLimitMs / 1000} s` };
  // recap says first what is wrong, Python last.
  const said = (stderr ?? '').split('\n').filter((text) => text.trim() !== '');
  const reason = peer.program === 'recap' ? said[0] : said.at(-1);
  return { failure: error?.message ?? reason ?? `ended with status ${status}` };
}

function python(code) {
  const { stdout, status } = spawnSync(options.python, ['-c', code], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** The OpenBLAS core type that is fastest here: it does not know every processor. */
function bestBlasEnv() {
  const avx512 = process.platform === 'linux' && readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
  const settings = [{}, { OPENBLAS_CORETYPE: 'HASWELL' }, ...(avx512 ? [{ OPENBLAS_CORETYPE: 'SKYLAKEX' }] : [])];
  const script = fileURLToPath(new URL('peers/blas_speed.py', import.meta.url));
  const speeds = settings.map((env) => {
    const { stdout, status } = spawnSync(options.python, [script], {
      env: { ...process.env, ...env, OPENBLAS_NUM_THREADS: '1' },
      encoding: 'utf8',
    });
    return status === 0 ? JSON.parse(stdout).gflops : 0;
  });
  // The library's own choice stands unless another one is clearly faster.
  const best = speeds.reduce((at, speed, index) => (speed > 1.05 * speeds[at] ? index : at), 0);
  const report = settings
    .map((env, index) => `${env.OPENBLAS_CORETYPE ?? 'its own choice'} ${speeds[index]}`)
    .join(', ');
  return { env: settings[best], report: `OpenBLAS on one core, GFLOP/s by core type: ${report}` };
}

function machine() {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown processor';
  const versions = [
    `Node ${process.versions.node}`,
    python('import platform; print("Python", platform.python_version())'),
    python('import numpy; print("numpy", numpy.__version__)'),
    python('import torch; print("PyTorch", torch.__version__)'),
  ].filter((version) => version !== null);
  return `${cpu}, ${os.availableParallelism()} cores, ${os.type()} ${os.release()}; ${versions.join(', ')}`;
}

/** Processor time since boot, in ticks: of the whole machine, of it busy, and of this process and its ended children. */
function processorTime() {
  const [user, nice, system, idle, iowait] = readFileSync('/proc/stat', 'utf8').split(/\s+/).slice(1).map(Number);
  const own = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ').slice(11, 15);
  const busy = user + nice + system;
  return { total: busy + idle + iowait, busy, own: own.reduce((sum, ticks) => sum + Number(ticks), 0) };
}

/** The share of the machine that other programs used since `before`; null where the system does not say. */
function usedByOthers(before) {
  if (before === null) return null;
  const now = processorTime();
  return Math.max(0, now.busy - before.busy - (now.own - before.own)) / (now.total - before.total);
}

function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

/** Of numpy and PyTorch: the two best of each family if near the best of their precision, and always the best one. */
function worthRepeating(screened) {
  return screened.filter(({ peer, line }) => {
    if (peer.program === 'recap') return true;
    const rivals = screened.filter((other) => other.peer.program !== 'recap');
    const faster = rivals.filter((other) => other.line.captionsPerSecond > line.captionsPerSecond);
    const fasterOfFamily = faster.filter((other) => other.peer.family === peer.family).length;
    const farBehind = faster.some(
      (other) =>
        other.peer.precision === peer.precision &&
        other.line.captionsPerSecond > screeningFactor * line.captionsPerSecond,
    );
    return fasterOfFamily === 0 || (fasterOfFamily === 1 && !farBehind);
  });
}

function table(results) {
  const rows = results
    .map(({ peer, lines }) => ({
      peer,
      speed: median(lines.map((line) => line.captionsPerSecond)),
      step: median(lines.map((line) => line.stepMs.median)),
      lowest: Math.min(...lines.map((line) => line.captionsPerSecond)),
      highest: Math.max(...lines.map((line) => line.captionsPerSecond)),
      supplier: lines[0].supplier,
    }))
    .sort((a, b) => b.speed - a.speed);
  const best = rows.find(({ peer }) => peer.program !== 'recap' && peer.precision === 'float32');
  const text = rows.map(({ peer, speed, step, lowest, highest, supplier }) => {
    const name = supplier === undefined ? peer.name : `${peer.name} (${supplier})`;
    const bold = peer.program === 'recap' ? `**${name}**` : name;
    const ratio = best === undefined ? '' : `${(speed / best.speed).toFixed(2)}×`;
    return `| ${bold} | ${peer.precision} | ${speed.toFixed(0)} | ${lowest.toFixed(0)}–${highest.toFixed(0)} | ${step.toFixed(1)} | ${ratio} |`;
  });
  return [
    '| | precision | captions/s | lowest–highest | step, ms | of the best float32 peer |',
    '|---|---|---:|---:|---:|---:|',
    ...text,
  ].join('\n');
}

function main() {
  if (options.help) return console.log(usage);
  const lengths = options.lengths ?? (options.data ? 'data' : 'full');
  if ((lengths === 'data') !== (options.data !== undefined)) {
    console.error('--lengths data needs --data DIR, and --lengths full is without it.');
    process.exit(2);
  }
  if (options.attention && (options.cell !== 'lstm' || options.data !== undefined)) {
    console.error('--attention compares the LSTM, at full length.');
    process.exit(2);
  }
  if (options.check) {
    const script = fileURLToPath(new URL('peers/check.py', import.meta.url));
    if (spawnSync(options.python, [script], { stdio: 'inherit' }).status !== 0) process.exit(1);
  }
  const cores = os.availableParallelism();
  const blas = bestBlasEnv();
  const data = options.data && resolve(options.data);
  const { cell, attention, python: interpreter } = options;
  const settings = { cell, attention, data, cores, python: interpreter, blasEnv: blas.env };
  const wanted = options.peers?.split(',');
  const all = [...recapRuns(settings), ...peers(settings)].filter(
    ({ name }) => wanted === undefined || wanted.some((text) => name.includes(text)),
  );
  if (options.json) writeFileSync(options.json, '');
  const measure = (peer, steps, round) => {
    const line = runOnce(peer, steps);
    if (options.json && line.failure === undefined) {
      appendFileSync(options.json, `${JSON.stringify({ round, ...line })}\n`);
    }
    return line;
  };

  console.error(`Screening ${all.length} programs, ${screeningSteps} steps each`);
  const screened = [];
  const notes = [];
  for (const peer of all) {
    const line = measure(peer, screeningSteps, 0);
    console.error(`  ${peer.name}: ${line.failure ?? `${line.captionsPerSecond.toFixed(0)} captions/s`}`);
    if (line.failure === undefined) screened.push({ peer, line });
    else notes.push(`Left out: ${peer.name}, ${line.failure}`);
  }
  const kept = worthRepeating(screened);
  const dropped = screened.filter((entry) => !kept.includes(entry));
  if (dropped.length > 0) {
    const list = dropped.map(({ peer, line }) => `${peer.name} ${line.captionsPerSecond.toFixed(0)}`);
    notes.push(
      `Measured in the screening round only (more than ${screeningFactor}× slower than the best, or third in its family), captions/s: ${list.join('; ')}`,
    );
  }

  const results = kept.map(({ peer }) => ({ peer, lines: [] }));
  const rounds = Number(options.rounds);
  const before = process.platform === 'linux' ? processorTime() : null;
  for (let round = 1; round <= rounds; round++) {
    console.error(`Round ${round} of ${rounds}, load ${os.loadavg()[0].toFixed(1)}`);
    for (const { peer, lines } of results) {
      const line = measure(peer, Number(options.steps), round);
      if (line.failure === undefined) lines.push(line);
      else notes.push(`Round ${round}: ${peer.name}, ${line.failure}`);
    }
  }

  const others = usedByOthers(before);
  if (others > 0.03) {
    notes.unshift(`NOT a quiet machine: other programs used ${(100 * others).toFixed(0)}% of it during the rounds.`);
  }

  const work = data ? `captions of ${options.data} at their own lengths` : 'COCO shape, captions at full length';
  console.log(
    `${cell.toUpperCase()}${attention ? ' with attention' : ''}, ${work}; medians of ${rounds} alternating rounds of ${options.steps} steps of 100 captions.\n`,
  );
  console.log(table(results.filter(({ lines }) => lines.length > 0)));
  console.log(`\n${machine()}\n${blas.report}`);
  for (const note of notes) console.log(note);
}

main();
