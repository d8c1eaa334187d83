/** A run that someone looks at: its folder read on as it grows, and made into what the page shows. */
import { statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseDocument } from 'yaml';
import { holderOf } from '../files/lock-holder.js';
import { shellWord } from '../shell-word.js';
import type { Commands, Evaluation, NewRows, RunData, Table } from './board-data.js';
import { readEvaluation } from './evaluation.js';
import type { NamedRun } from './named-runs.js';
import type { Rows } from './rows.js';
import { readInside } from './run-files.js';
import { RunLog } from './run-log.js';
import { sampleRows } from './sampled-rows.js';

const largestConfig = 2 ** 16;
/** Digits of a number on the page. */
const digits = 6;

export class WatchedRun {
  private readonly log: RunLog;
  private config: { readonly text: string | null; readonly value: unknown } = { text: null, value: null };
  private evaluation: { readonly evaluation: Evaluation | null; readonly problem: string | null } = {
    evaluation: null,
    problem: null,
  };
  /** Of the files that are read whole, when they were last written. */
  private written = new Map<string, string>();
  private isTraining = false;
  /** Changes with everything but steps that come. */
  version = '';
  /** Counts readings, so that what does not change `version` is told too. */
  private changes = 0;

  constructor(readonly found: NamedRun) {
    this.readWhole();
    this.log = new RunLog(found.dir, captionsOfStep(this.config.value));
  }

  /** Reads what has come since. */
  async read(): Promise<void> {
    this.readWhole();
    const isTraining = isHeld(this.found.dir);
    if (isTraining !== this.isTraining) this.changes++;
    this.isTraining = isTraining;
    await this.log.read();
    const { readings, events, problem } = this.log;
    this.version = `${readings} ${events} ${this.changes} ${problem ?? ''}`;
  }

  /** Steps in memory. */
  get rows(): number {
    return this.log.steps.length;
  }

  /** @param points of a curve at most */
  data(points: number, pictures: RunData['pictures'] = {}): RunData {
    const { name, dir } = this.found;
    const { steps, validations, samples, notices, problem } = this.log;
    return {
      name,
      isTraining: this.isTraining,
      configText: this.config.text,
      config: this.config.value,
      steps: tableOf(steps, 0, steps.length, points),
      validations: tableOf(validations, 0, validations.length, points),
      problem,
      samples,
      notices,
      evaluation: this.evaluation.evaluation,
      evaluationProblem: this.evaluation.problem,
      commands: commandsFor(dir),
      pictures,
    };
  }

  /** Steps from row `from` on. */
  newRows(from: number, points: number): NewRows {
    return { name: this.found.name, steps: tableOf(this.log.steps, from, this.rows, points) };
  }

  /** Steps whose column `axis` is within the bounds, and one beyond each. */
  within(axis: 'step' | 'time', from: number, to: number, points: number): NewRows {
    const { steps } = this.log;
    const begin = Math.max(0, steps.firstFrom(axis, from) - 1);
    const end = Math.min(steps.length, steps.firstFrom(axis, to) + 1);
    return { name: this.found.name, steps: tableOf(steps, begin, end, points) };
  }

  /** Paths of the pictures of all samples that are shown. */
  picturePaths(): string[] {
    const all = this.log.samples.flatMap(({ samples }) => samples.map(({ thumbnail }) => thumbnail));
    return [...new Set(all.filter((path) => path !== null))];
  }

  private readWhole(): void {
    if (this.isNew('config.yaml')) this.config = readConfig(this.found.dir);
    if (this.isNew('evaluation.json')) this.evaluation = readEvaluation(this.found.dir);
  }

  private isNew(file: string): boolean {
    const stamp = stampOf(join(this.found.dir, file));
    if (this.written.get(file) === stamp) return false;
    this.written.set(file, stamp);
    this.changes++;
    return true;
  }
}

/** Changes when the file does. */
function stampOf(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    return 'none';
  }
}

/** Whether a process works on the run. */
export function isHeld(dir: string): boolean {
  try {
    return holderOf(dir) === 'alive';
  } catch {
    return false;
  }
}

function tableOf(rows: Rows, from: number, to: number, points: number): Table {
  const { length, values, means } = sampleRows(rows.columns, from, to, points);
  const plain = (columns: ReadonlyMap<string, Float64Array>) =>
    Object.fromEntries([...columns].map(([name, column]) => [name, Array.from(column, rounded)]));
  return { length, values: plain(values), means: plain(means) };
}

function rounded(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  return Number.isInteger(value) ? value : Number(value.toPrecision(digits));
}

function readConfig(dir: string): { readonly text: string | null; readonly value: unknown } {
  const bytes = readInside(dir, 'config.yaml', largestConfig);
  if (bytes === null) return { text: null, value: null };
  const text = bytes.toString('utf8');
  try {
    const document = parseDocument(text, { logLevel: 'error' });
    return { text, value: document.errors.length > 0 ? null : document.toJS({ maxAliasCount: 0 }) };
  } catch {
    return { text, value: null };
  }
}

/** By a run's config, which may be of any version of recap or of none. */
function captionsOfStep(config: unknown): number {
  const train = (config as { train?: { batchSize?: unknown; accumulate?: unknown } } | null)?.train;
  const captions = Number(train?.batchSize ?? 1) * Number(train?.accumulate ?? 1);
  return captions > 0 ? captions : 1;
}

function commandsFor(dir: string): Commands {
  const path = relative('.', dir) || '.';
  const run = shellWord(path.startsWith('..') ? dir : path);
  const inRun = (file: string) => shellWord(join(path.startsWith('..') ? dir : path, file));
  return {
    repeat: `npx recap train --config ${inRun('config.yaml')} --run ${shellWord(`${path.startsWith('..') ? dir : path}-again`)}`,
    evaluate: `npx recap evaluate --run ${run} --beam 5 --nbest 5 --out ${inRun('evaluation.json')}`,
    attention: `npx recap caption --checkpoint ${run} --attention looks.html PHOTO…`,
  };
}
