/** The list of runs, and those in memory, while folders come and go. */
import { mkdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { namedRuns } from '../../src/board/named-runs.js';
import { RunCatalog } from '../../src/board/run-catalog.js';
import { acquireLock } from '../../src/files/lock.js';
import { append, runsFolder, stepLine } from './fake-run.js';

/** For longer than a list or a reading is new. */
const later = () => vi.advanceTimersByTime(60_000);
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** @param seconds since 1970 of its last line */
function smallRun(runs: string, name: string, seconds = 1e9): string {
  const dir = join(runs, name);
  mkdirSync(join(dir, 'checkpoints'), { recursive: true });
  append(dir, stepLine(1));
  utimesSync(join(dir, 'metrics.jsonl'), seconds, seconds);
  return dir;
}

const namesOf = (catalog: RunCatalog) => catalog.entries().map(({ name }) => name);

describe('the runs of a board', () => {
  it('are listed on while one of their folders is away', () => {
    const [here, away] = [runsFolder(), runsFolder()];
    smallRun(here, 'a');
    smallRun(away, 'b');
    const catalog = new RunCatalog([away, here]);
    expect(namesOf(catalog)).toEqual(['a', 'b']);
    renameSync(away, `${away}-moved`);
    later();
    expect(namesOf(catalog)).toEqual(['a']);
    renameSync(`${away}-moved`, away);
    later();
    expect(namesOf(catalog)).toEqual(['a', 'b']);
  });

  it('have one name each, of the first folder that they are in', () => {
    const runs = runsFolder();
    smallRun(runs, 'exp/a');
    const other = smallRun(runs, 'a');
    const names = (...folders: readonly string[]) => namedRuns(folders).map(({ name }) => name);
    expect(names(join(runs, 'exp'), runs)).toEqual([other, 'a']);
    expect(names(runs, join(runs, 'exp'))).toEqual(['a', 'exp/a']);
  });

  it('stay in their places while they train, before all others', async () => {
    const runs = runsFolder();
    const names = ['a', 'b', 'c', 'd'];
    const dirs = names.map((name, i) => smallRun(runs, name, 1e9 + i));
    const locks = await Promise.all(dirs.slice(1, 3).map((dir) => acquireLock(dir, 'run')));
    const catalog = new RunCatalog([runs]);
    expect(namesOf(catalog)).toEqual(['b', 'c', 'd', 'a']);
    for (const at of [1, 2, 0]) {
      utimesSync(join(dirs[at]!, 'metrics.jsonl'), 2e9 - at, 2e9 - at);
      later();
      expect(namesOf(catalog)).toEqual(at === 0 ? ['b', 'c', 'a', 'd'] : ['b', 'c', 'd', 'a']);
    }
    for (const lock of locks) lock.release();
  });

  it('stay in memory where a page shows them, and no others that are too many', async () => {
    const runs = runsFolder();
    const catalog = new RunCatalog([runs]);
    // A page waits for a run that is not there yet.
    const names = Array.from({ length: 25 }, (_, i) => `run-${i}`);
    const letGo = catalog.hold(names.slice(0, 24))!;
    expect(catalog.hold(['one more'])).toBeNull();
    for (const name of names) smallRun(runs, name);
    const watch = (name: string) => catalog.watch(catalog.find(name)!);
    const held = await watch('run-0');
    for (const name of names.slice(1, 24)) await watch(name);
    const last = new WeakRef(await watch('run-24'));
    expect(await watch('run-0')).toBe(held);
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const isForgotten = () => {
      collect();
      // What a failed comparison is given it keeps.
      expect(last.deref() === undefined).toBe(true);
    };
    await vi.waitFor(isForgotten, { timeout: 60_000 });
    letGo();
    expect(catalog.hold(['one more'])).not.toBeNull();
  });
});
