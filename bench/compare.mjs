/**
 * Compares recap's training speed with numpy's and PyTorch's on this machine, cell by cell: a short look at every form
 * of the step, then recap and the fastest of them in turn. node bench/compare.mjs --help
 */

import { spawnSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cellName, selectedCells } from './cells.mjs';
import { askPython, bestBlasEnv, machine, watchOthers } from './machine.mjs';
import { peers, recapRuns } from './peer-list.mjs';
import { contenders, fastestFirst, summary } from './ranking.mjs';
import { runProgram } from './run-program.mjs';

const usage = `node bench/compare.mjs [--cell lstm|rnn] [--lengths full|data] [--precision float32|bf16] [--attention]
                       [--data DIR] [--rounds 3] [--steps 20] [--peers A,B] [--json FILE] [--check] [--python FILE]

Without options that narrow it: LSTM and RNN in float32 and bfloat16, then the LSTM with attention in float32.

  --cell       lstm or rnn alone
  --lengths    full: random captions at full length in COCO's shapes; data: captions as long as they are (needs --data)
  --precision  float32 or bf16 alone
  --attention  only the LSTM with additive attention over grids of 49 × 352, at full length, in float32
  --data       a folder in CS231n's layout, for real captions and PCA features
  --rounds     alternating rounds of recap and the fastest peer (3)
  --steps      measured steps of a run in them (20)
  --peers      only peers whose name contains one of these texts, commas between them
  --json       write every measured line to this file
  --check      first check that numpy and PyTorch agree on loss and gradients
  --python     the Python that has numpy and torch (/usr/bin/python3), such as that of a virtual environment

It uses every core it may run on: for two of many, taskset -c 0,1 node bench/compare.mjs …`;

/** Steps of a look, or those of --steps if these are fewer. */
const screeningSteps = 6;

/** Of how many forms every threading is looked at. */
const formsThreaded = 2;

/** Others may use this share of the machine before its figures are called noisy. */
const quiet = 0.03;

const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const captions = (speed) => `${speed.toFixed(0)} captions/s`;
const listed = (measured) =>
  measured.map(({ program, line }) => `${program.name} ${line.captionsPerSecond.toFixed(0)}`).join('; ');

/** Ends with a message about an option. */
function refuse(message) {
  console.error(`${message} See node bench/compare.mjs --help.`);
  process.exit(2);
}

function parsedOptions() {
  try {
    const { values } = parseArgs({
      options: {
        cell: { type: 'string' },
        lengths: { type: 'string' },
        precision: { type: 'string' },
        attention: { type: 'boolean' },
        data: { type: 'string' },
        rounds: { type: 'string', default: '3' },
        steps: { type: 'string', default: '20' },
        peers: { type: 'string' },
        json: { type: 'string' },
        check: { type: 'boolean' },
        python: { type: 'string', default: '/usr/bin/python3' },
        help: { type: 'boolean' },
      },
    });
    for (const option of ['rounds', 'steps']) {
      if (!/^[1-9]\d*$/.test(values[option]))
        refuse(`--${option} is "${values[option]}"; expected a whole number from 1.`);
    }
    const cells = selectedCells({ ...values, data: values.data && resolve(values.data) });
    return { ...values, cells, rounds: Number(values.rounds), steps: Number(values.steps) };
  } catch (error) {
    return refuse(error.message);
  }
}

/**
 * Looks at programs once.
 *
 * @returns {{measured: import('./ranking.mjs').Measured[], skipped: string[]}}
 */
function screen(programs, look) {
  const measured = [];
  const skipped = [];
  for (const program of programs) {
    const line = look(program);
    console.error(`  ${program.name}: ${line.failure ?? captions(line.captionsPerSecond)}`);
    if (line.failure === undefined) measured.push({ program, line });
    else skipped.push(`Skipped: ${program.name}: ${line.failure}`);
  }
  return { measured, skipped };
}

/** Every form on all cores, then the best two in their other threadings. */
function screenPeers(forms, look) {
  const allCores = forms.map(({ programs }) => programs[0]);
  const first = screen(allCores, look);
  const best = fastestFirst(first.measured).slice(0, formsThreaded);
  const threadings = best.flatMap(({ program }) => forms[allCores.indexOf(program)].programs.slice(1));
  const second = screen(threadings, look);
  return {
    measured: [...first.measured, ...second.measured],
    skipped: [...first.skipped, ...second.skipped],
  };
}

/** Runs programs in turn, round after round; those that fail have fewer lines. */
function alternate(programs, { rounds, steps }, measure) {
  const results = programs.map((program) => ({ program, lines: [] }));
  const failures = [];
  for (let round = 1; round <= rounds; round++) {
    console.error(`Round ${round} of ${rounds}, load ${os.loadavg()[0].toFixed(1)}`);
    for (const { program, lines } of results) {
      const line = measure(program, steps, round);
      console.error(`  ${program.name}: ${line.failure ?? captions(line.captionsPerSecond)}`);
      if (line.failure === undefined) lines.push(line);
      else failures.push(`Round ${round}: ${program.name}: ${line.failure}`);
    }
  }
  return { results: results.filter(({ lines }) => lines.length > 0), failures };
}

const ratio = (row, best) =>
  row === undefined || best === undefined ? '–' : `${(row.speed / best.speed).toFixed(2)}×`;

/** Rows of summaries as a Markdown table; the ratio is to the best peer. */
function table(rows, recap, best) {
  const text = rows.map((row) => {
    const { program, speed, lowest, highest, stepMs, supplier } = row;
    const name = supplier === undefined ? program.name : `${program.name} (${supplier})`;
    const range = `${lowest.toFixed(0)}–${highest.toFixed(0)}`;
    return `| ${program === recap ? `**${name}**` : name} | ${speed.toFixed(0)} | ${range} | ${stepMs.toFixed(1)} | ${ratio(row, best)} |`;
  });
  return [
    '| | captions/s | lowest–highest | step, ms | of the fastest peer |',
    '|---|---:|---:|---:|---:|',
    ...text,
  ].join('\n');
}

/** Measures one cell and prints what came out; returns its row of the closing table. */
function compare(cell, options, settings) {
  const name = cellName(cell);
  const { rounds, steps } = options;
  const few = Math.min(screeningSteps, steps);
  console.error(`\n${name}: a look at each form, ${plural(few, 'step')}`);
  const measure = (program, count, round) => {
    const line = runProgram(program, count);
    if (options.json && line.failure === undefined) {
      appendFileSync(options.json, `${JSON.stringify({ of: name, round, ...line })}\n`);
    }
    return line;
  };
  const look = (program) => measure(program, few, 0);

  const [recap, ...others] = recapRuns(cell, settings);
  const ours = screen(others, look);
  const { measured, skipped } = screenPeers(settings.peersOf(cell), look);
  const rivals = contenders(measured);
  const shareOfOthers = watchOthers();
  const { results, failures } = alternate([recap, ...rivals.map(({ program }) => program)], options, measure);
  const taken = shareOfOthers();

  const rows = results
    .map(({ program, lines }) => ({ program, ...summary(lines), supplier: lines[0].supplier }))
    .sort((a, b) => b.speed - a.speed);
  const mine = rows.find(({ program }) => program === recap);
  const best = rows.find(({ program }) => program !== recap);
  console.log(`\n## ${name}\n\n${table(rows, recap, best)}\n`);
  console.log(`Medians of ${plural(rounds, 'alternating round')} of ${plural(steps, 'step')} of 100 captions.`);
  if (taken > quiet) {
    console.log(`NOT a quiet machine: other programs used ${(100 * taken).toFixed(0)}% of it during the rounds.`);
  }
  const out = fastestFirst(measured).filter((entry) => !rivals.includes(entry));
  const once = `captions/s over ${plural(few, 'step')}`;
  if (out.length > 0) console.log(`Screened out, ${once}: ${listed(out)}`);
  if (ours.measured.length > 0) console.log(`recap otherwise, ${once}: ${listed(ours.measured)}`);
  for (const note of [...ours.skipped, ...skipped, ...failures]) console.log(note);
  const speed = (row) => row?.speed.toFixed(0) ?? '–';
  return `| ${name} | ${speed(mine)} | ${speed(best)} | ${ratio(mine, best)} | ${best?.program.name ?? ''} |`;
}

/** The peers of a cell whose names have one of the texts of --peers. */
function chosenPeers(options, settings) {
  const texts = options.peers?.split(',') ?? [''];
  return (cell) => peers(cell, settings).filter(({ name }) => texts.some((text) => name.includes(text)));
}

function main() {
  const options = parsedOptions();
  if (options.help) return console.log(usage);
  const { python } = options;
  if (options.check) {
    const script = fileURLToPath(new URL('peers/check.py', import.meta.url));
    if (spawnSync(python, [script], { stdio: 'inherit' }).status !== 0) process.exit(1);
  }
  const blas = bestBlasEnv(python);
  const openBlas = askPython(python, 'import torch; print(torch.backends.mkl.is_available())') === 'False';
  const settings = { cores: os.availableParallelism(), python, blasEnv: blas.env, openBlas };
  const peersOf = chosenPeers(options, settings);
  const cells = options.cells.filter((cell) => peersOf(cell).length > 0);
  if (cells.length === 0) {
    const names = new Set(options.cells.flatMap((cell) => peers(cell, settings)).map(({ name }) => name));
    refuse(`--peers "${options.peers}" names none of ${[...names].join(', ')}.`);
  }
  if (options.json) writeFileSync(options.json, '');

  const closing = cells.map((cell) => compare(cell, options, { ...settings, peersOf }));
  if (closing.length > 1) {
    console.log('\n## All\n\n| | recap | fastest peer | ratio | which |\n|---|---:|---:|---:|---|');
    for (const row of closing) console.log(row);
  }
  console.log(`\n${machine(python)}\n${blas.report}\n${plural(Math.ceil(performance.now() / 60_000), 'minute')}`);
}

main();
