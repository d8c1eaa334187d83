/**
 * What a run's folder tells of it at a glance: read from the lock files, the headers of two checkpoints and the last lines
 * of the log, so that a thousand runs take a second or two. docs/runs.md says in words how the state is decided.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { contentsOf } from '../../files/folder-contents.js';
import { isLockName } from '../../files/lock-file.js';
import { holderOf } from '../../files/lock-holder.js';
import { type CheckpointBrief, readCheckpointBrief } from '../checkpoints/checkpoint-brief.js';
import { bestName, checkpointName, stepOfName } from '../checkpoints/checkpoint-format.js';
import { readLogEnd } from './log-end.js';
import { filesOf, readRunConfig, refuseForeignConfig, refuseUnreachable } from './run-files.js';

/** `broken`: nobody can go on with it as it is. */
export type RunState = 'running' | 'finished' | 'stopped' | 'dead' | 'broken';

export interface RunSummary {
  readonly dir: string;
  /** Null where the folder is not a run's. */
  readonly runId: string | null;
  readonly state: RunState;
  /** Steps done, of which the log or a checkpoint tells. */
  readonly step: number;
  /** Of the last epoch; null where it is not known. */
  readonly lastStep: number | null;
  /** Of the newest checkpoint; null where there is none. */
  readonly checkpointStep: number | null;
  /** Whether it came to its first validation; null where it is not known, and where there is to be none. */
  readonly isValidated: boolean | null;
  readonly best: { readonly metric: string; readonly value: number; readonly step: number | null } | null;
  /** Of the last minibatch in the log; null where there is none, or it was not finite. */
  readonly loss: number | null;
  /** When one of its files was last written, in milliseconds since 1970. */
  readonly writtenAt: number;
  readonly bytes: number;
  /** What is wrong with it, or how it ended; a text each. */
  readonly notes: readonly string[];
}

/**
 * What is found in a folder that is, or looks like, a run's; nothing in it makes this fail.
 *
 * @param ownLock the name of a lock of the caller's own, which does not make it a running one
 */
export async function summaryOf(dir: string, ownLock = ''): Promise<RunSummary> {
  const notes: string[] = [];
  const noting = <T>(otherwise: T, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      notes.push((error as Error).message);
      return otherwise;
    }
  };
  const files = filesOf(dir);
  const { bytes, writtenAt } = noting({ bytes: 0, writtenAt: 0 }, () => extentOf(dir));
  const runId = noting(null, () => refuseForeignConfig(files.config));
  noting(undefined, () => refuseUnreachable(files.checkpoints));
  const none = { step: 0, lastStep: null, checkpointStep: null, isValidated: null, best: null, loss: null };
  if (notes.length > 0) return { dir, runId, state: 'broken', ...none, writtenAt, bytes, notes };

  const log = noting({ step: null, loss: null, nonFinite: null }, () => readLogEnd(files.metrics));
  const { newest, best, unreadable } = noting(noCheckpoints, () => briefsOf(files.checkpoints, runId!));
  const plan = await planOf(files.config, newest, (fault) => notes.push(fault));
  const { epochs, metric, validatedEvery } = plan;
  const perEpoch = stepsPerEpoch(newest?.brief ?? null, best?.brief ?? null);
  const lastStep = perEpoch === null || epochs === null ? null : perEpoch * epochs;
  const holder = noting('none' as const, () => holderOf(dir, ownLock));
  const hasEnded = newest !== null && isFinished(newest.brief, plan, perEpoch);
  const found = newest?.brief ?? null;
  const state = ((): RunState => {
    if (holder === 'alive') return 'running';
    if (hasEnded) return 'finished';
    if (found === null && unreadable.length > 0) return 'broken';
    if (found !== null && holder === 'none' && (log.step ?? 0) <= found.step) return 'stopped';
    return 'dead';
  })();
  notes.push(...unreadable);
  if (state === 'finished' && lastStep !== null && found!.step < lastStep) notes.push('stopped early');
  if (state === 'dead') notes.push(deathOf(found, log.step));
  if (state !== 'running' && log.nonFinite !== null) notes.push(log.nonFinite);
  return {
    dir,
    runId,
    state,
    step: Math.max(log.step ?? 0, found?.step ?? 0),
    lastStep,
    checkpointStep: found?.step ?? null,
    isValidated: validatedEvery === 0 || found?.validationCaptions === 0 ? null : (found?.validatedEpoch ?? 0) > 0,
    best: found === null || found.bestValidation === null ? null : bestOf(found, metric),
    loss: log.loss,
    writtenAt,
    bytes,
    notes,
  };
}

/** The folder's own size, and when it was last written; the lock is touched all the time. */
function extentOf(dir: string): { bytes: number; writtenAt: number } {
  let bytes = 0;
  let writtenAt = 0;
  for (const entry of contentsOf(dir)) {
    bytes += entry.bytes;
    if (!isLockName(entry.path)) writtenAt = Math.max(writtenAt, entry.writtenAt);
  }
  return { bytes, writtenAt: writtenAt === 0 ? statSync(dir).mtimeMs : writtenAt };
}

interface Found {
  readonly brief: CheckpointBrief;
  readonly writtenAt: number;
}

interface Checkpoints {
  /** Of those whose header can be read, the one to go on from. */
  readonly newest: Found | null;
  readonly best: Found | null;
  /** What is wrong with those that are newer. */
  readonly unreadable: readonly string[];
}

const noCheckpoints: Checkpoints = { newest: null, best: null, unreadable: [] };

function briefsOf(folder: string, runId: string): Checkpoints {
  const names = namesIn(folder);
  const steps = names.map(stepOfName).filter((step) => step !== null);
  const unreadable: string[] = [];
  const read = (name: string): Found | null => {
    const path = join(folder, name);
    try {
      const brief = readCheckpointBrief(path);
      if (brief.runId !== runId) throw new UserError(`${path} was written by another run.`);
      return { brief, writtenAt: statSync(path).mtimeMs };
    } catch (error) {
      unreadable.push((error as Error).message);
      return null;
    }
  };
  const best = names.includes(bestName) ? read(bestName) : null;
  let newest: Found | null = null;
  for (const step of steps.sort((a, b) => b - a)) {
    newest = read(checkpointName(step));
    if (newest) break;
  }
  if (best && (!newest || isNewer(best.brief, newest.brief))) newest = best;
  return { newest, best, unreadable };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isNewer(one: CheckpointBrief, other: CheckpointBrief): boolean {
  return one.step > other.step || (one.step === other.step && one.validatedEpoch > other.validatedEpoch);
}

/** Of the config, what tells how far a run goes. */
interface Plan {
  readonly epochs: number | null;
  readonly metric: string;
  /** Of early stopping. */
  readonly patience: number | null;
  readonly validatedEvery: number;
}

/** Nothing is finished by it. */
const noPlan: Plan = { epochs: null, metric: 'loss', patience: null, validatedEvery: 0 };

/** By the newest checkpoint, or by config.yaml where that was written later, as when a run went on. */
async function planOf(config: string, newest: Found | null, onFault: (fault: string) => void): Promise<Plan> {
  const configAt = statSync(config, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (newest && newest.writtenAt > configAt) return planIn(newest.brief.config);
  try {
    const { parse } = await import('yaml');
    return planIn(parse(readRunConfig(config), { maxAliasCount: 0, logLevel: 'error' }));
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]!.replace(/:$/, '');
    onFault(error instanceof UserError ? why : `${config} is not valid YAML: ${why}`);
    return noPlan;
  }
}

function planIn(config: unknown): Plan {
  const train = section(section(config).train);
  const validate = section(section(config).validate);
  return {
    epochs: numberOr(null, train.epochs),
    metric: typeof validate.metric === 'string' ? validate.metric : 'loss',
    patience: numberOr(null, section(train.earlyStopping).patience),
    validatedEvery: numberOr(1, validate.everyEpochs),
  };
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function numberOr<T>(otherwise: T, value: unknown): number | T {
  return typeof value === 'number' ? value : otherwise;
}

/** Older versions did not record it; a best checkpoint was written at the end of the epoch that it validated. */
function stepsPerEpoch(newest: CheckpointBrief | null, best: CheckpointBrief | null): number | null {
  if (newest !== null && newest.stepsPerEpoch !== null) return newest.stepsPerEpoch;
  return best !== null && best.validatedEpoch > 0 ? best.step / best.validatedEpoch : null;
}

/** As `isComplete` of a trainer: no step is left, and no validation. */
function isFinished(
  brief: CheckpointBrief,
  { epochs, patience, validatedEvery }: Plan,
  perEpoch: number | null,
): boolean {
  if (patience !== null && brief.waited >= patience) return true;
  if (perEpoch === null || epochs === null || brief.step < perEpoch * epochs) return false;
  const epoch = brief.step / perEpoch;
  const isOwed = validatedEvery > 0 && epoch % validatedEvery === 0 && epoch > brief.validatedEpoch;
  return !isOwed || brief.validationCaptions === 0;
}

function deathOf(newest: CheckpointBrief | null, loggedStep: number | null): string {
  const logged = loggedStep ?? 0;
  if (newest === null) return 'it ended before its first checkpoint';
  if (logged <= newest.step) return 'its process ended without giving the folder free';
  const steps = logged === newest.step + 1 ? `step ${logged}` : `steps ${newest.step + 1} to ${logged}`;
  return `it ended without a checkpoint of ${steps}`;
}

function bestOf({ bestValidation, bestStep }: CheckpointBrief, metric: string): NonNullable<RunSummary['best']> {
  return { metric, value: bestValidation!, step: bestStep };
}
