/** All that a run's folder tells of it: for a look at one run, since the whole log is read. */
import { closeSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { resolveRunConfig } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { openRegularFile } from '../../files/regular-file.js';
import { readCheckpointBrief } from '../checkpoints/checkpoint-brief.js';
import { checkpointSteps, type OnDisk, onDisk, stateOrNull } from '../checkpoints/checkpoint-folder.js';
import { bestName, checkpointName } from '../checkpoints/checkpoint-format.js';
import type { CheckpointState } from '../checkpoints/checkpoint-state.js';
import { linesOf, recordIn } from './log-lines.js';
import { filesOf } from './run-files.js';
import { type RunSummary, summaryOf } from './run-summary.js';

export interface KeptCheckpoint {
  readonly name: string;
  /** Null where its header cannot be read. */
  readonly step: number | null;
  readonly bytes: number;
}

export interface LoggedValidation {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number | null;
  readonly perplexity: number | null;
  readonly scores: Readonly<Record<string, number>>;
}

export interface LoggedSample {
  readonly image: unknown;
  readonly truth: string;
  readonly generated: string;
}

export interface RunDetails {
  readonly summary: RunSummary;
  /** What config.yaml says; null where that is no config of this version's, with the reason. */
  readonly config: Config | null;
  readonly configFault: string | null;
  /** Of the newest checkpoint whose state can be read. */
  readonly state: CheckpointState | null;
  /** By step, the best one first. */
  readonly checkpoints: readonly KeptCheckpoint[];
  readonly validations: readonly LoggedValidation[];
  /** Of the last validation that captioned images. */
  readonly samples: { readonly step: number; readonly captions: readonly LoggedSample[] } | null;
}

export async function detailsOf(dir: string): Promise<RunDetails> {
  const summary = await summaryOf(dir);
  const { config: configPath, metrics, checkpoints } = filesOf(dir);
  return {
    summary,
    ...configIn(configPath),
    state: newestState(checkpoints),
    checkpoints: keptIn(checkpoints),
    ...recordsIn(metrics),
  };
}

function configIn(path: string): Pick<RunDetails, 'config' | 'configFault'> {
  try {
    return { config: resolveRunConfig(path), configFault: null };
  } catch (error) {
    return { config: null, configFault: (error as Error).message };
  }
}

function newestState(folder: string): CheckpointState | null {
  const { newest, best }: OnDisk = onDisk(folder);
  if (newest === null) return null;
  const path = join(folder, newest === best ? bestName : checkpointName(newest));
  return stateOrNull(path) ?? stateOrNull(join(folder, bestName));
}

function keptIn(folder: string): KeptCheckpoint[] {
  let steps: number[] = [];
  try {
    steps = checkpointSteps(folder);
  } catch {
    // The summary says so.
  }
  return [bestName, ...steps.map(checkpointName)].flatMap((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat ? [{ name, step: stepOrNull(path), bytes: stat.size }] : [];
  });
}

function stepOrNull(path: string): number | null {
  try {
    return readCheckpointBrief(path).step;
  } catch {
    return null;
  }
}

function recordsIn(path: string): Pick<RunDetails, 'validations' | 'samples'> {
  const validations: LoggedValidation[] = [];
  let samples: RunDetails['samples'] = null;
  for (const record of recordsOf(path)) {
    const { type, step } = record;
    if (typeof step !== 'number') continue;
    if (type === 'validation') validations.push(validationIn(record, step));
    // Which of the two it is depends on the version that wrote it.
    if (type === 'captions' || type === 'samples') samples = { step, captions: samplesIn(record.samples) };
  }
  return { validations, samples };
}

/** The records that are not of a step; none where the log cannot be read, as the summary says. */
function* recordsOf(path: string): Generator<Readonly<Record<string, unknown>>, void, void> {
  let file: number;
  try {
    file = openRegularFile(path);
  } catch {
    return;
  }
  try {
    for (const { text } of linesOf(path, file)) {
      if (text === null || text.includes(stepMark)) continue;
      const record = recordIn(text.toString('utf8'));
      if (record) yield record;
    }
  } finally {
    closeSync(file);
  }
}

/** Found faster than a line is parsed. */
const stepMark = Buffer.from('{"type":"step"');

function validationIn({ epoch, loss, perplexity, scores }: Readonly<Record<string, unknown>>, step: number) {
  const known = Object.entries((scores ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return {
    step,
    epoch: numberOrNull(epoch) ?? 0,
    loss: numberOrNull(loss),
    perplexity: numberOrNull(perplexity),
    scores: Object.fromEntries(known),
  };
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function samplesIn(samples: unknown): LoggedSample[] {
  if (!Array.isArray(samples)) return [];
  return samples.map((sample) => {
    const { image, truth, generated } = (sample ?? {}) as Readonly<Record<string, unknown>>;
    return { image, truth: String(truth), generated: String(generated) };
  });
}
