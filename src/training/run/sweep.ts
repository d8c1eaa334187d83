/** Runs of one config with other settings, one after another, such that the whole can be called again until it is done. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { parse } from 'yaml';
import { overriddenConfig, resolveConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { TrainingError, UserError } from '../../errors.js';
import { startOrResumeRun, type TrainOptions } from './train.js';
import type { TrainOutcome } from './train-outcome.js';

/** A key and the values that it is to have. */
export interface GridAxis {
  readonly key: string;
  readonly values: readonly unknown[];
}

/** One run. */
export interface SweepRun {
  /** `KEY=VALUE`, what differs from the config; none for the config itself. */
  readonly settings: readonly string[];
  readonly seed: number;
  readonly config: Config;
  readonly dir: string;
}

export interface SweepResult {
  readonly run: SweepRun;
  /** Null where training failed. */
  readonly outcome: TrainOutcome | null;
  /** Why it failed. */
  readonly failure: string | null;
}

export interface SweepOptions extends TrainOptions {
  readonly starting?: (run: SweepRun) => void;
  readonly ended?: (result: SweepResult) => void;
}

/**
 * @param text `KEY=VALUE,VALUE,…`, the values in YAML
 * @throws UserError
 */
export function parseGrid(text: string): GridAxis {
  const equals = text.indexOf('=');
  const fail = (why: string) => new UserError(`--grid ${text}: ${why}`);
  if (equals < 1) throw fail('expected KEY=VALUE,VALUE, such as train.weightDecay=0,0.01.');
  let values: unknown;
  try {
    values = parse(`[${text.slice(equals + 1)}]`, { maxAliasCount: 0, logLevel: 'error' });
  } catch (error) {
    throw fail(`the values are not valid YAML: ${(error as Error).message.split('\n')[0]!.replace(/:$/, '')}`);
  }
  if (!Array.isArray(values) || values.length === 0) throw fail('no value is given.');
  return { key: text.slice(0, equals).trim(), values };
}

/** Every combination of the axes' values; `alone`, the config itself and then each value on top of it. */
export function settingsOf(grid: readonly GridAxis[], alone: boolean): string[][] {
  const axes = grid.map(({ key, values }) => values.map((value) => `${key}=${JSON.stringify(value)}`));
  if (alone) return [[], ...axes.flat().map((setting) => [setting])];
  return axes.reduce<string[][]>(
    (combinations, axis) => combinations.flatMap((before) => axis.map((setting) => [...before, setting])),
    [[]],
  );
}

/**
 * Every run of a sweep, its config checked.
 *
 * @param seeds how many runs of each setting, with `train.seed` and the seeds that follow it
 * @throws UserError for a key or value that a config does not take
 */
export function sweepRuns(
  file: string,
  sets: readonly string[],
  settings: readonly (readonly string[])[],
  seeds: number,
  out: string,
): SweepRun[] {
  if (seeds > 1 && settings.some((some) => some.some((setting) => setting.startsWith('train.seed=')))) {
    throw new UserError('--grid train.seed goes without --seeds, which counts on from the seed of each setting.');
  }
  const runs = settings.flatMap((some) => {
    const base = resolveConfig(file, [...sets, ...some]);
    return Array.from({ length: seeds }, (_, i): SweepRun => {
      const seed = base.train.seed + i;
      const config = overriddenConfig(base, [`train.seed=${seed}`]);
      return { settings: some, seed, config, dir: join(out, `${folderName(some)}-seed-${seed}`) };
    });
  });
  const again = runs.find(({ dir }, i) => runs.findIndex((run) => run.dir === dir) < i);
  if (again) throw new UserError(`--grid gives ${again.settings.join(' ')} twice. Leave one out.`);
  return runs;
}

/** Makes or completes each run in turn; ends before the next one where the signal aborts. */
export async function sweep(runs: readonly SweepRun[], options: SweepOptions = {}): Promise<SweepResult[]> {
  const results: SweepResult[] = [];
  for (const run of runs) {
    if (options.signal?.aborted) break;
    options.starting?.(run);
    const result = await resultOf(run, options);
    if (result.outcome?.stopped) break;
    results.push(result);
    options.ended?.(result);
  }
  return results;
}

/** A run that diverges is a result like any other; what is the user's mistake ends the sweep. */
async function resultOf(run: SweepRun, options: SweepOptions): Promise<SweepResult> {
  try {
    return { run, outcome: await startOrResumeRun(run.config, run.dir, options), failure: null };
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error;
    return { run, outcome: null, failure: error.message };
  }
}

/** Longest name that is not cut; file systems take 255 bytes. */
const longestName = 100;

/** The settings as a folder's name, with a checksum where it does not say all of them. */
function folderName(settings: readonly string[]): string {
  if (settings.length === 0) return 'plain';
  const words = settings.join('_').replaceAll('"', '').replaceAll('=', '-');
  const name = words.replaceAll(/[^\w.+-]+/g, '-').slice(0, longestName);
  if (name === words) return name;
  return `${name}-${createHash('sha256').update(words).digest('hex').slice(0, 8)}`;
}
