/** The folder of one run: its config, its metrics, its checkpoints, and the lock that gives it to one process. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { removeLeftovers, removeQuietly, writeFileAtomically } from '../../files/atomic-file.js';
import { acquireLock, type Lock, type LockOptions } from '../../files/lock.js';
import { isLockName, makerOf } from '../../files/lock-file.js';
import { isFolder, makeFolder, removeIfEmpty } from '../../files/make-folder.js';
import { shellWord } from '../../shell-word.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { hasCheckpoints, newestWholeCheckpoint } from '../checkpoints/checkpoint-folder.js';
import { filesOf, readRunConfig, refuseForeignConfig, refuseUnreachable, runIdOf } from './run-files.js';

/** Where a new run goes: into this folder, or into the first of these that is not there yet. */
export type RunPlace = { readonly dir: string } | { readonly firstFreeOf: Iterable<string> };

/** Whether the folder is still the run's and this process's. */
export type Holding =
  | { readonly state: 'held' }
  /** Neither the run nor anyone else's is there at this moment, as when a disk is gone for a while. Nothing may be written. */
  | { readonly state: 'away' }
  /** Another run or another process has it. `why` says so in words, without a full stop. */
  | { readonly state: 'lost'; readonly why: string };

export class RunFolder {
  readonly configPath: string;
  readonly metricsPath: string;
  readonly checkpointsDir: string;
  /** When config.yaml was last written, by this process as far as it knows. */
  private configTime: number;

  private constructor(
    readonly dir: string,
    readonly runId: string,
    private readonly lock: Lock,
  ) {
    const files = filesOf(dir);
    this.configPath = files.config;
    this.metricsPath = files.metrics;
    this.checkpointsDir = files.checkpoints;
    this.configTime = writtenAt(files.config);
  }

  /**
   * Makes and locks the folder of a new run. What it made is removed again where it fails.
   *
   * @param configYaml the resolved config
   * @throws UserError when the folder holds a run, or a config.yaml that is not a run's, or cannot be written
   */
  static async create(place: RunPlace, configYaml: string, options: LockOptions = {}): Promise<RunFolder> {
    const undo: (() => void)[] = [];
    try {
      const dir = 'dir' in place ? place.dir : claimFirstFree(place.firstFreeOf, undo);
      make(dir, dir, undo);
      refuseUsedFolder(dir);
      const lock = await lockFolder(dir, options);
      undo.push(() => lock.release());
      refuseUsedFolder(dir);
      const { config, checkpoints } = filesOf(dir);
      make(checkpoints, dir, undo);
      const isNew = !existsSync(config);
      const run = new RunFolder(dir, randomUUID(), lock);
      if (isNew) undo.push(() => removeQuietly(config));
      run.writeConfig(configYaml);
      return run;
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  /**
   * Locks the folder of a run that is to go on. The run may have been stopped before its first checkpoint.
   *
   * @throws UserError when there is no such run, its checkpoints cannot be reached, or another process has it
   */
  static async open(dir: string, options: LockOptions = {}): Promise<RunFolder> {
    const { config, checkpoints } = filesOf(dir);
    if (!isFolder(dir)) {
      const run = dirname(dirname(dir));
      const meant = existsSync(join(run, 'config.yaml')) ? ` Name the folder of the run: ${run}` : '';
      throw new UserError(
        existsSync(dir)
          ? `${dir} is a file, where the folder of a run is expected.${meant}`
          : `There is no run folder ${dir} to resume.`,
      );
    }
    refuseForeignConfig(config);
    refuseUnreachable(checkpoints);
    const lock = await lockFolder(dir, options);
    try {
      // Another run may have come in the place of the one that was asked for.
      return new RunFolder(dir, refuseForeignConfig(config), lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** The resolved config, as YAML. */
  readConfig(): string {
    return readRunConfig(this.configPath);
  }

  /** Replaces the config, for what a resumption changes. */
  writeConfig(yaml: string): void {
    try {
      writeFileAtomically(this.configPath, `# recap run ${this.runId}\n${yaml}`);
    } catch (error) {
      throw new UserError(`${this.configPath} cannot be written: ${(error as Error).message}`);
    }
    this.configTime = writtenAt(this.configPath);
  }

  /**
   * Where to go on.
   *
   * @param onBad told of every newer checkpoint that was passed over, and why
   * @returns null when the run has not come to its first checkpoint, so that it begins again at step 0
   * @throws UserError when there are checkpoints and none is whole
   */
  newestCheckpoint(onBad: (path: string, why: string) => void): Checkpoint | null {
    const bad: string[] = [];
    const newest = newestWholeCheckpoint(this.checkpointsDir, this.runId, (path, why) => {
      bad.push(path);
      onBad(path, why);
    });
    if (!newest && bad.length > 0) {
      throw new UserError(
        `None of the ${bad.length} checkpoints in ${this.checkpointsDir} is whole, so the run cannot go on.`,
      );
    }
    return newest;
  }

  /** This holder's own lock file: whoever finds it missing may write nothing into the folder. */
  get guardFile(): string {
    return this.lock.file;
  }

  /** To be asked before each step; takes microseconds while the folder is held. */
  holding(): Holding {
    try {
      return this.lock.isInPlace() ? { state: 'held' } : this.lookAgain();
    } catch (error) {
      // A disk that cannot be read or written now; anything else is a fault of the program.
      if (error instanceof UserError || 'syscall' in (error as Error)) return { state: 'away' };
      throw error;
    }
  }

  /** Gives the folder free. Never throws. */
  unlock(): void {
    this.lock.release();
  }

  /** The lock file is not where it was put: the folder was moved, copied or replaced, or the file deleted. */
  private lookAgain(): Holding {
    const [other] = this.lock.others();
    if (other) return this.lost(`${makerOf(other)} has taken the run folder ${this.dir}`);
    if (!existsSync(this.configPath)) return { state: 'away' };
    if (runIdOf(this.configPath) !== this.runId) return this.lost(`the folder ${this.dir} now holds another run`);
    // Whoever goes on with a run writes its config, and may have ended since.
    if (!this.lock.isThere() && writtenAt(this.configPath) !== this.configTime) {
      return this.lost(`another process has gone on with the run in ${this.dir} meanwhile`);
    }
    return this.lock.renew() ? { state: 'held' } : this.lost(`another process is taking the run folder ${this.dir}`);
  }

  private lost(why: string): Holding {
    return { state: 'lost', why };
  }
}

/**
 * Asked before data is loaded, so that the answer does not take minutes; asked again when the folder is locked.
 *
 * @throws UserError when the folder holds a run, or a config.yaml that is not a run's
 */
export function refuseUsedFolder(dir: string): void {
  const files = filesOf(dir);
  let there = dir;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  if (!isFolder(there)) {
    const being = there === dir ? 'be' : 'hold';
    throw new UserError(`${there} is a file and cannot ${being} the folder of a run. Name another folder.`);
  }
  refuseUnreachable(files.checkpoints);
  if (existsSync(files.metrics) || hasCheckpoints(files.checkpoints)) {
    throw new UserError(
      `${dir} already holds a run. Go on with it by \`npx recap train --resume ${shellWord(dir)}\`, or name another folder.`,
    );
  }
  if (existsSync(files.config) && runIdOf(files.config) === undefined) {
    throw new UserError(`${files.config} is not a run's and would be overwritten. Name another folder.`);
  }
}

/**
 * `ROOT/CONFIG-YYYYMMDD-HHMMSS`, in local time, then the same with a number behind it.
 *
 * @param configPath gives the run its name
 */
export function* defaultRunFolders(configPath: string, now = new Date(), root = 'runs'): Generator<string, never> {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const name = join(root, `${basename(configPath, extname(configPath))}-${day}-${time}`);
  yield name;
  for (let n = 2; ; n++) yield `${name}-${n}`;
}

/** Makes the first folder of these that is not there yet; of several processes at this, each makes another one. */
function claimFirstFree(names: Iterable<string>, undo: (() => void)[]): string {
  for (const dir of names) {
    make(dirname(dir), dir, undo);
    try {
      mkdirSync(dir);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw cannotBeMade(dir, error);
    }
    undo.push(() => removeIfEmpty(dir));
    return dir;
  }
  throw new UserError('No name is left for the folder of a new run.');
}

function make(folder: string, dir: string, undo: (() => void)[]): void {
  try {
    for (const made of makeFolder(folder)) undo.push(() => removeIfEmpty(made));
  } catch (error) {
    throw cannotBeMade(dir, error);
  }
}

function cannotBeMade(dir: string, error: unknown): UserError {
  return new UserError(`The run folder ${dir} cannot be made: ${(error as Error).message}`);
}

async function lockFolder(dir: string, options: LockOptions): Promise<Lock> {
  const lock = await acquireLock(dir, `The run folder ${dir}`, options);
  try {
    const { config, metrics } = filesOf(dir);
    removeLeftovers(dir, (name) => name === basename(config) || name === basename(metrics) || isLockName(name));
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Milliseconds; NaN, which equals nothing, where there is no such file. */
function writtenAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
}
