/** A sweep, told to people on a screen or to programs as JSON. */

import { duration } from '../amounts.js';
import type { RunEvents } from '../training/run/run-events.js';
import type { SweepResult, SweepRun } from '../training/run/sweep.js';
import { JsonReport } from './json-report.js';
import { bestWords, outcomeLines } from './run-outcome.js';
import { RunReport } from './run-report.js';
import type { Screen } from './screen.js';
import { settingsTitle, sweepTable } from './sweep-table.js';
import { sentence } from './text.js';

export interface SweepReport {
  readonly events: Partial<RunEvents>;
  readonly starting: (run: SweepRun) => void;
  readonly ended: (result: SweepResult) => void;
  /** @param results of the runs that are done */
  allEnded(results: readonly SweepResult[], stopped: boolean): void;
  /** Before the error is printed and ends the process. */
  failed(error: unknown): void;
}

/** Whether it was trained, and what it is to leave is on the disk. */
export function isWhole({ outcome }: SweepResult): boolean {
  return outcome !== null && outcomeLines(outcome).warnings.length === 0;
}

/** Each run is watched as by `recap train`, but of what it says on the way only warnings stay. */
export function sweepOnScreen(screen: Screen, runs: readonly SweepRun[]): SweepReport {
  const title = (run: SweepRun) =>
    `run ${runs.indexOf(run) + 1} of ${runs.length}  ${settingsTitle(run.settings)}, seed ${run.seed}`;
  let watched = new RunReport(screen);
  return {
    starting: (run) => {
      watched = new RunReport(screen, title(run));
    },
    events: {
      preparing: (...told) => watched.preparing(...told),
      started: (...told) => watched.watch(...told),
      step: (...told) => watched.step(...told),
      validating: (...told) => watched.validating(...told),
      validated: () => watched.validationDone(),
      health: (...told) => watched.health(...told),
      warning: (...told) => watched.warning(...told),
      note: (...told) => watched.note(...told),
    },
    failed: () => screen.endLive(),
    ended: (result) => {
      screen.endLive();
      screen.print(sentence(`${title(result.run)}: ${resultWords(result)}`));
      warnOfLost(screen, result);
    },
    allEnded: (results, stopped) => {
      screen.endLive();
      screen.print('');
      for (const line of sweepTable(results)) screen.result(line);
      if (!stopped) return;
      screen.result('');
      screen.result(`Stopped with ${results.length} of ${runs.length} runs done. The same words go on with it.`);
    },
  };
}

/** The records of each run are as in its metrics.jsonl, between one that says which run it is and one of its end. */
export function sweepAsJson(screen: Screen, runs: readonly SweepRun[]): SweepReport {
  const report = new JsonReport(screen);
  const runRecord = ({ dir, settings, seed }: SweepRun) => ({ run: dir, settings, seed });
  report.print({ type: 'start', runs: runs.map(runRecord) });
  return {
    starting: (run) => report.print({ type: 'run', ...runRecord(run) }),
    events: {
      recorded: (record) => report.recorded(record),
      warning: (message) => report.warning(message),
      note: (message) => report.note(message),
    },
    failed: (error) => report.failed(error),
    ended: (result) => {
      warnOfLost(screen, result);
      report.print({ type: 'runEnd', ...resultRecord(result) });
    },
    allEnded: (results, stopped) =>
      report.print({
        type: 'end',
        outcome: stopped ? 'stopped' : results.every(isWhole) ? 'finished' : 'failed',
        runs: results.map(resultRecord),
      }),
  };
}

/** Of checkpoints that are to be on the disk and are not; where the run is in each line, since the quiet see no other. */
function warnOfLost(screen: Screen, { outcome }: SweepResult): void {
  if (outcome === null) return;
  for (const warning of outcomeLines(outcome).warnings) screen.warn(`${outcome.dir}: ${warning}`);
}

function resultRecord({ run: { dir, settings, seed }, outcome, failure }: SweepResult) {
  const { step = null, best = null, saved = null, bestSaved = null, elapsedSeconds = null } = outcome ?? {};
  return { run: dir, settings, seed, step, best, saved, bestSaved, elapsedSeconds, failure };
}

function resultWords({ outcome, failure, run }: SweepResult): string {
  if (!outcome) return `failed: ${failure}`;
  const time = duration(outcome.elapsedSeconds * 1000);
  const what = outcome.best === null ? 'not validated' : `best validation ${bestWords(outcome.best)}`;
  return `${what}, ${outcome.step} steps in ${time}, in ${run.dir}`;
}
