/**
 * One process at a time has a folder.
 *
 * Each that wants it puts a lock file of its own into it, and only then lists those of the others. Of any two, the one
 * that lists later sees the other's file, so they can never both find themselves alone, whatever delays there are. A
 * name is never used by another process, so the file of a dead one can be removed by anyone at any time.
 *
 * Whether the maker of a lock lives is answered at once by the table of processes, so that a run can go on right after
 * `kill -9`. Where the table cannot know (another machine, container or boot), the heart-beat answers: a holder touches
 * its lock every other second, and one that has not for `patience` counts as dead. Packages such as proper-lockfile
 * have only that, and make everyone wait.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, statSync, unlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { UserError } from '../errors.js';
import { removeQuietly } from './atomic-file.js';
import { type LockFile, makerOf, markHolding, otherLocks, readLock, writeLock } from './lock-file.js';
import { ownIdentity } from './process-identity.js';
import { workerFile } from './worker-files.js';

const beatInterval = 2000;
/** Milliseconds without a sign of life after which a holder counts as dead. */
export const longestSilence = 15_000;
const looks = 60;
/** Rounds of a contest, each with a longer pause before it; together some ten seconds. */
const mostRounds = 50;
const longestPause = 400;

export interface LockOptions {
  /** Told before it is waited for a sign of life. */
  readonly waiting?: (message: string) => void;
  /** Milliseconds. */
  readonly patience?: number;
  /** Runs between any two steps of the protocol; tests put delays there. */
  readonly between?: () => Promise<void>;
}

/**
 * @param what the folder, for messages: "The run folder runs/a"
 * @throws UserError naming the process that holds the folder
 */
export async function acquireLock(folder: string, what: string, options: LockOptions = {}): Promise<Lock> {
  const { waiting = () => {}, patience = longestSilence, between = async () => {} } = options;
  const watched = new Map<string, Watched>();
  for (let round = 1; round <= mostRounds; round++) {
    const lock = new Lock(folder);
    const rivals = await lock.contend(watched, between);
    if (rivals === null) return lock;
    const holder = rivals.find(({ holds, isAlive }) => holds && isAlive);
    if (holder) throw new UserError(refusal(what, holder));
    const unseen = rivals.filter(({ isAlive }) => isAlive === null);
    for (const each of unseen) {
      waiting(`${what} has a lock of ${makerOf(each)}: waiting up to ${patience / 1000} s for a sign of its life.`);
    }
    await Promise.all(unseen.map(async (each) => watched.set(each.path, await watch(each, patience))));
    await setTimeout(Math.random() * Math.min(10 * round, longestPause));
  }
  throw new UserError(`${what} is being taken by another process at this moment.`);
}

interface Watched {
  readonly isAlive: boolean;
  readonly stamp: string;
}

async function watch({ path, stamp }: LockFile, patience: number): Promise<Watched> {
  // Counted in looks and not by the clock, so that a pause of this process alone does not end it.
  for (let look = 0; look < looks; look++) {
    await setTimeout(patience / looks);
    const now = readLock(path)?.stamp;
    if (now !== stamp) return { isAlive: true, stamp: now ?? stamp };
  }
  return { isAlive: false, stamp };
}

/** This process's lock on a folder. */
export class Lock {
  /** The lock file, which is there for as long as the folder is this process's. */
  readonly file: string;
  private readonly name = `lock-${randomUUID()}`;
  private inode = 0;
  private heart: Worker | null = null;
  private readonly atExit = (): void => this.release();

  constructor(private readonly folder: string) {
    this.file = join(folder, this.name);
  }

  /** Whether the lock file is where it was put. Takes microseconds. */
  isInPlace(): boolean {
    return statSync(this.file, { throwIfNoEntry: false })?.ino === this.inode;
  }

  /** The locks of others that hold the folder or may come to hold it, and of those that have held it and are dead. */
  others(): LockFile[] {
    return otherLocks(this.folder, this.name).filter(({ holds, isAlive }) => holds || isAlive !== false);
  }

  /** Whether a lock file of this name is there, be it in a copy of the folder. */
  isThere(): boolean {
    return existsSync(this.file);
  }

  /**
   * Puts a lock file back that was deleted, and takes one in a copy of the folder for its own.
   *
   * @returns false where another process wants the folder at this moment
   * @throws UserError when it cannot be written
   */
  renew(): boolean {
    if (this.isThere()) {
      this.inode = statSync(this.file).ino;
      return true;
    }
    writeLock(this.file, ownIdentity());
    return this.settle(this.others()) === null;
  }

  /** Removes the lock file; a second call does nothing. It is called at the process's exit in any case. Never throws. */
  release(): void {
    process.removeListener('exit', this.atExit);
    void this.heart?.terminate();
    this.heart = null;
    removeQuietly(this.file);
  }

  /**
   * One round for the folder. Of those that only ask for it the one whose name comes first stays, the others withdraw.
   *
   * @returns null when this lock has it, else who is in the way; the lock file is gone then
   */
  async contend(watched: ReadonlyMap<string, Watched>, between: () => Promise<void>): Promise<LockFile[] | null> {
    process.on('exit', this.atExit);
    try {
      if (!writeLock(this.file, ownIdentity())) return this.withdraw([]);
      for (let look = 0; look < looks; look++) {
        await between();
        const rivals: LockFile[] = [];
        for (const found of otherLocks(this.folder, this.name)) {
          const lock = { ...found, isAlive: found.isAlive ?? verdict(found, watched.get(found.path)) };
          await between();
          if (lock.isAlive === false) removeDead(lock.path);
          else rivals.push(lock);
        }
        await between();
        const isFirst = rivals.every(({ path, holds, isAlive }) => !holds && isAlive && path > this.file);
        if (rivals.length === 0 || !isFirst) return this.settle(rivals);
        await setTimeout(Math.random() * 10);
      }
      return this.withdraw([]);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  private settle(rivals: LockFile[]): LockFile[] | null {
    const inode = rivals.length === 0 ? markHolding(this.file) : null;
    if (inode === null) return this.withdraw(rivals);
    this.inode = inode;
    if (this.heart === null) this.beat();
    return null;
  }

  private withdraw(rivals: LockFile[]): LockFile[] {
    this.release();
    return rivals;
  }

  /** On a thread of its own, since reading a large checkpoint, say, may keep the main thread busy for long. */
  private beat(): void {
    this.heart = new Worker(workerFile('heartbeat'), {
      execArgv: [],
      workerData: { file: this.file, interval: beatInterval },
    });
    // Without it the lock still holds against every process that can see this one.
    this.heart.on('error', () => {});
    this.heart.unref();
  }
}

/** What was seen when a lock was watched decides, unless it has given a sign of life since. */
function verdict({ stamp }: LockFile, watched: Watched | undefined): boolean | null {
  return watched === undefined ? null : watched.isAlive || watched.stamp !== stamp;
}

function removeDead(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    // Several may remove it at once.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new UserError(`The lock ${path} of an ended process cannot be removed: ${(error as Error).message}`);
  }
}

function refusal(what: string, lock: LockFile): string {
  const isSeen = lock.owner?.host === hostname();
  const toDo =
    lock.isFirstFormat && !isSeen
      ? `If it no longer runs there, delete ${lock.path}`
      : 'Stop it, or use another folder';
  return `${what} is in use by ${makerOf(lock)}. ${toDo}.`;
}
