/** The runs of some folders, and those of them that are looked at, which stay in memory for a while. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEntry } from './board-data.js';
import { type NamedRun, namedRuns } from './named-runs.js';
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
  /** Folders of the runs of each page. */
  private held: (readonly string[])[] = [];
  private readonly readings = new Map<WatchedRun, { at: number; reading: Promise<void> }>();

  constructor(private readonly folders: readonly string[]) {}

  /** A run by its name; whatever else a name says, it leads to no other folder. */
  find(name: string): NamedRun | undefined {
    this.list();
    return this.found.find((run) => run.name === name);
  }

  /** The one that was trained last first. */
  entries(): readonly RunEntry[] {
    this.list();
    return this.listed;
  }

  /** A run, read up to now. */
  async watch(found: NamedRun): Promise<WatchedRun> {
    const run = this.watched.get(found.dir) ?? new WatchedRun(found);
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
   * Keeps runs in memory that a page shows.
   *
   * @returns lets go of them; null where others show too many others
   */
  hold(names: readonly string[]): (() => void) | null {
    const dirs = names.flatMap((name) => this.find(name)?.dir ?? []);
    if (new Set([...this.held.flat(), ...dirs]).size > mostWatched) return null;
    this.held.push(dirs);
    return () => {
      this.held = this.held.filter((some) => some !== dirs);
    };
  }

  /** The one that nobody has asked for the longest. */
  private forgetOne(): void {
    if (this.watched.size <= mostWatched) return;
    const held = new Set(this.held.flat());
    const run = [...this.watched.values()].find(({ found }) => !held.has(found.dir));
    if (run === undefined) return;
    this.watched.delete(run.found.dir);
    this.readings.delete(run);
  }

  private list(): void {
    if (performance.now() - this.listedAt < listFresh) return;
    this.found = namedRuns(this.folders);
    this.listed = this.found
      .map(({ name, dir }) => ({ name, isTraining: isHeld(dir), changed: changedAt(dir) }))
      .sort((a, b) => (b.changed ?? 0) - (a.changed ?? 0));
    this.listedAt = performance.now();
  }
}

function changedAt(dir: string): number | null {
  return statSync(join(dir, 'metrics.jsonl'), { throwIfNoEntry: false })?.mtimeMs ?? null;
}
