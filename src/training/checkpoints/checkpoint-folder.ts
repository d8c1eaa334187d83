/** The checkpoints of one run: which there are, the newest, and the best. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NewerVersionError, UserError } from '../../errors.js';
import { writeFileAtomically } from '../../files/atomic-file.js';
import { type Checkpoint, type CheckpointState, readCheckpoint, readCheckpointState } from './checkpoint.js';
import { bestName, checkpointName, stepOfName } from './checkpoint-format.js';

/** Told of a checkpoint that is passed over, and why. */
type OnBad = (path: string, why: string) => void;

/** Steps of the checkpoints in a folder by their names, ascending, the best one aside; none if there is no such folder. */
export function checkpointSteps(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UserError(`${folder} cannot be listed: ${(error as Error).message}`);
  }
  return names
    .map(stepOfName)
    .filter((step) => step !== null)
    .sort((a, b) => a - b);
}

/** Whether a folder holds any file that has the name of a checkpoint. */
export function hasCheckpoints(folder: string): boolean {
  return checkpointSteps(folder).length > 0 || existsSync(join(folder, bestName));
}

/** Steps of the checkpoints that are in a folder; null where there is none. */
export interface OnDisk {
  readonly newest: number | null;
  readonly best: number | null;
}

export function onDisk(folder: string): OnDisk {
  const best = stateOrNull(join(folder, bestName))?.step ?? null;
  let steps: number[] = [];
  try {
    steps = checkpointSteps(folder);
  } catch {
    // A folder that cannot be listed holds nothing that anybody could use.
  }
  const newest = Math.max(best ?? -1, steps.at(-1) ?? -1);
  return { best, newest: newest === -1 ? null : newest };
}

/** What the checkpoint says of itself, unverified, or null where it is missing or cannot be read. */
export function stateOrNull(path: string): CheckpointState | null {
  try {
    return readCheckpointState(path);
  } catch {
    return null;
  }
}

/**
 * The newest checkpoint of a run that is whole, going back over those that are not.
 *
 * @param folder the run's `checkpoints` folder
 * @param runId refuses the checkpoints of any other run
 * @param onBad told of every newer file that was passed over, and why
 * @returns null where there is none
 * @throws NewerVersionError for one that a newer version of recap wrote, since going back would throw its work away
 */
export function newestWholeCheckpoint(folder: string, runId: string, onBad: OnBad): Checkpoint | null {
  for (const path of newestFirst(folder)) {
    const checkpoint = readWhole(path, runId, onBad);
    if (checkpoint) return checkpoint;
  }
  return null;
}

function newestFirst(folder: string): string[] {
  const steps = checkpointSteps(folder).reverse();
  const paths = steps.map((step) => join(folder, checkpointName(step)));
  const best = join(folder, bestName);
  if (!existsSync(best)) return paths;
  // One that cannot be read may be the newest, so it comes first.
  const { step, validatedEpoch } = stateOrNull(best) ?? { step: Number.POSITIVE_INFINITY, validatedEpoch: 0 };
  // Of the same step, the one that counts the validation at this step is the newer.
  const isOlder = (other: number, path: string) =>
    other < step || (other === step && (stateOrNull(path)?.validatedEpoch ?? 0) < validatedEpoch);
  const place = paths.findIndex((path, i) => isOlder(steps[i]!, path));
  return place === -1 ? [...paths, best] : [...paths.slice(0, place), best, ...paths.slice(place)];
}

/** Null, and `onBad` told, where the file is not whole, not of this run or not what its name says. */
function readWhole(path: string, runId: string | null, onBad: OnBad): Checkpoint | null {
  try {
    const checkpoint = readCheckpoint(path);
    const { state } = checkpoint;
    const named = stepOfName(basename(path));
    if (runId !== null && state.runId !== runId) throw new UserError(`${path} was written by another run.`);
    if (named !== null && state.step !== named) {
      throw new UserError(`${path} holds step ${state.step}, unlike its name ${basename(path)}.`);
    }
    return checkpoint;
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof NewerVersionError) throw error;
    onBad(path, error.message);
    return null;
  }
}

/** The state at the best validation that `state` knows of. */
function isBestOf(state: CheckpointState, other: CheckpointState): boolean {
  const { runId, bestValidation: best, bestStep } = state;
  if (best === null || other.runId !== runId) return false;
  // Only format 1 does not tell the step, and it knew no other metric than the loss.
  if (bestStep === null) return other.validationLoss === best;
  return other.step === bestStep && other.bestValidation === best;
}

/** The whole checkpoint, by its name of a step, of the best validation that `state` knows of. */
function bestBySteps(folder: string, state: CheckpointState, onBad: OnBad): Checkpoint | null {
  for (const step of checkpointSteps(folder)) {
    const path = join(folder, checkpointName(step));
    const other = stateOrNull(path);
    const whole = other && isBestOf(state, other) ? readWhole(path, state.runId, onBad) : null;
    if (whole) return whole;
  }
  return null;
}

/**
 * Sees to it that a run going on from a checkpoint has its best checkpoint under the name of the best. Where it is not there
 * it is copied from the checkpoint of that step, as runs of format 1 kept it.
 *
 * @param onBad told of a best checkpoint, or a copy of it, that is not whole
 * @returns its step; null where the run had no validation, or the best checkpoint is lost
 * @throws the system's error when the copy cannot be written
 */
export function secureBest(folder: string, { path: resumed, state }: Checkpoint, onBad: OnBad): number | null {
  if (state.bestValidation === null) return null;
  const path = join(folder, bestName);
  if (resumed === path) return state.step;
  const best = existsSync(path) ? readWhole(path, state.runId, onBad) : null;
  if (best && isBestOf(state, best.state)) return best.state.step;
  const bySteps = bestBySteps(folder, state, onBad);
  if (!bySteps) return null;
  writeFileAtomically(path, readFileSync(bySteps.path));
  return bySteps.state.step;
}

/**
 * The checkpoint that a run is best captioned with: its best, or its newest where nothing was validated.
 *
 * @param dir the run's folder
 * @param onBad told of a better one that had to be passed over
 * @throws UserError when it has none that is whole
 */
export function checkpointOfRun(dir: string, onBad: OnBad): Checkpoint {
  const folder = join(dir, 'checkpoints');
  const path = join(folder, bestName);
  const best = existsSync(path) ? readWhole(path, null, onBad) : null;
  if (best) return best;
  for (const path of newestFirst(folder)) {
    if (basename(path) === bestName) continue;
    const newest = readWhole(path, null, onBad);
    if (newest) return bestBySteps(folder, newest.state, onBad) ?? newest;
  }
  throw new UserError(
    `${dir} holds no whole checkpoint; expected ${join('checkpoints', bestName)} or ${join('checkpoints', checkpointName(1))} ` +
      'or the like in it. Name the folder of a run, or a checkpoint file.',
  );
}

/**
 * The newest checkpoints of a run, newest first, each of another step.
 *
 * @param dir the run's folder
 * @throws UserError when it has not as many that are whole
 */
export function newestCheckpointsOfRun(dir: string, count: number, onBad: OnBad): Checkpoint[] {
  const found: Checkpoint[] = [];
  for (const path of newestFirst(join(dir, 'checkpoints'))) {
    if (found.length === count) break;
    const checkpoint = readWhole(path, null, onBad);
    if (checkpoint && !found.some(({ state }) => state.step === checkpoint.state.step)) found.push(checkpoint);
  }
  if (found.length === count) return found;
  throw new UserError(
    `${dir} holds ${found.length} whole checkpoints, not ${count}. Ask for fewer, or train with a larger checkpoint.keep.`,
  );
}

/** Steps of the checkpoints that a run wrote, ascending. A file that cannot be read is nobody's. */
export function ownSteps(folder: string, runId: string): number[] {
  return checkpointSteps(folder).filter((step) => stateOrNull(join(folder, checkpointName(step)))?.runId === runId);
}

/**
 * Steps of a run's checkpoints that are needed neither to go on nor to caption: all before the newest whole one, but for
 * the best one where no other file has it.
 *
 * @param onBad told of checkpoints that are not whole, and where all are kept because the best one is lost
 */
export function superfluousSteps(folder: string, runId: string, onBad: OnBad): number[] {
  const own = ownSteps(folder, runId);
  if (own.length < 2) return [];
  const newest = firstOf([...own].reverse(), (step) => readWhole(join(folder, checkpointName(step)), runId, onBad));
  if (!newest) return [];
  const { state } = newest;
  const older = own.filter((step) => step < state.step);
  if (state.bestValidation === null) return older;
  const path = join(folder, bestName);
  const best = existsSync(path) ? readWhole(path, runId, onBad) : null;
  // One of the same step or a later one is better than what that state knows of.
  if (best && (best.state.step >= state.step || isBestOf(state, best.state))) return older;
  const bySteps = bestBySteps(folder, state, onBad);
  if (bySteps) return older.filter((step) => step !== bySteps.state.step);
  onBad(path, `${path} does not hold the best state of the run, and no other checkpoint does, so that all are kept.`);
  return [];
}

function firstOf<T, R>(values: readonly T[], find: (value: T) => R | null): R | null {
  for (const value of values) {
    const found = find(value);
    if (found !== null) return found;
  }
  return null;
}
