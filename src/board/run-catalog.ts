/** The runs of some folders, and those of them that are looked at, which stay in memory for a while. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEntry } from './board-data.js';
import { type NamedRun, remainingRuns } from './named-runs.js';
import { isHeld, WatchedRun } from './watched-run.js';

/** Runs whose logs stay in memory: one of a million steps takes 60 MB. */
const mostWatched = 24;
/** Milliseconds for which a list of the runs, or a reading of one, is new. */
const listFresh = 3000;
const readingFresh = 500;

export class RunCatalog {
  private found: readonly NamedRun[] = [];
  private listed: readonly RunEntry[] = [];
  private listedAt = Number.NEGATIVE_INFINITY;
  /** The one that was asked for last is last. */
  private readonly watched = new Map<string, WatchedRun>();
  /** Names of the runs of each page. */
  private held: (readonly string[])[] = [];
  private readonly readings = new WeakMap<WatchedRun, { at: number; reading: Promise<void> }>();

  constructor(private readonly folders: readonly string[]) {}

  /** A run by its name; whatever else a name says, it leads to no other folder. */
  find(name: string): NamedRun | undefined {
    this.list();
    return this.found.find((run) => run.name === name);
  }

  /** Those that train now, by name, and then the others, the one that was trained last first. */
  entries(): readonly RunEntry[] {
    this.list();
    return this.listed;
  }

  /** A run, read up to now. */
  async watch(found: NamedRun): Promise<WatchedRun> {
    const known = this.watched.get(found.dir);
    // Without one of the folders that were asked for it may be called otherwise.
    const run = known?.found.name === found.name ? known : new WatchedRun(found);
    this.watched.delete(found.dir);
    this.watched.set(found.dir, run);
    this.forgetOne();
    const last = this.readings.get(run);
    if (last !== undefined && performance.now() - last.at < readingFresh) {
      await last.reading;
      return run;
    }
    // One reading at a time: a second would take lines from under the first.
    const reading = (last?.reading ?? Promise.resolve()).then(() => run.read());
    this.readings.set(run, { at: performance.now(), reading });
    await reading;
    return run;
  }

  /**
   * Keeps runs in memory that a page shows, from when they are there.
   *
   * @returns lets go of them; null where others show too many others
   */
  hold(names: readonly string[]): (() => void) | null {
    if (new Set([...this.held.flat(), ...names]).size > mostWatched) return null;
    this.held.push(names);
    return () => {
      this.held = this.held.filter((some) => some !== names);
    };
  }

  /** The one that nobody has asked for the longest. */
  private forgetOne(): void {
    if (this.watched.size <= mostWatched) return;
    const held = new Set(this.held.flat());
    const run = [...this.watched.values()].find(({ found }) => !held.has(found.name));
    if (run !== undefined) this.watched.delete(run.found.dir);
  }

  private list(): void {
    if (performance.now() - this.listedAt < listFresh) return;
    try {
      this.found = remainingRuns(this.folders);
      this.listed = this.found
        .map(({ name, dir }) => ({ name, isTraining: isHeld(dir), changed: changedAt(dir) }))
        .sort(byState);
    } finally {
      this.listedAt = performance.now();
    }
  }
}

function changedAt(dir: string): number | null {
  try {
    return statSync(join(dir, 'metrics.jsonl')).mtimeMs;
  } catch {
    return null;
  }
}

/** Runs that train stay as they are, by name: each of their lines would make them change places. */
function byState(a: RunEntry, b: RunEntry): number {
  if (a.isTraining || b.isTraining) return Number(b.isTraining) - Number(a.isTraining);
  return (b.changed ?? 0) - (a.changed ?? 0);
}
