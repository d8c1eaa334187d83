/** `recap prune`: deletes what of runs nobody needs any more, and without `--yes` only says what that is. */
import type { CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { pruningLines, pruningRecord, totalWords } from '../report/prune-report.js';
import { Screen } from '../report/screen.js';
import { shellWord } from '../shell-word.js';
import { findRuns } from '../training/run/find-runs.js';
import { type Pruning, prune, pruningOf } from '../training/run/prune.js';
import { jsonOption } from './options.js';
import { exitCodeOf, watchSignals } from './signals.js';

interface Arguments {
  dir: string;
  older?: string;
  unvalidated: boolean;
  yes: boolean;
  json: boolean;
}

export const pruneCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .positional('dir', { type: 'string', default: 'runs', describe: 'A run, or a folder that runs are in' })
      .option('older', {
        type: 'string',
        requiresArg: true,
        describe: 'Only runs that were last written so long ago: 12h, 30d, 8w',
      })
      .option('unvalidated', {
        type: 'boolean',
        default: false,
        describe: 'Also whole runs that ended before their first validation',
      })
      .option('yes', { type: 'boolean', default: false, describe: 'Delete it; otherwise it is only listed' })
      .option('json', jsonOption)
      .example('$0 prune', 'what of the runs in runs/ could go')
      .example('$0 prune sweeps --older 30d --yes', 'deletes it, of runs of more than a month ago'),
  handler: run,
};

async function run({ dir, older, unvalidated, yes, json }: Arguments): Promise<void> {
  const writtenBefore = older === undefined ? null : Date.now() - ageOf(older);
  const options = { writtenBefore, unvalidated };
  const screen = new Screen();
  const warn = (why: string) => screen.warn(`warning: ${why}`);
  const { runs, unreadable } = findRuns(dir);
  unreadable.forEach(warn);
  // A run that is being deleted is finished with first, so that no lock is left in its folder.
  const stop = watchSignals(() => yes);
  const prunings: Pruning[] = [];
  for (const run of runs) {
    if (stop.aborted) break;
    let pruning: Pruning;
    try {
      pruning = await pruningOf(run, options);
      if (yes && pruning.files.length > 0) pruning = await prune(run, options, warn);
    } catch (error) {
      warn((error as Error).message);
      process.exitCode = 1;
      continue;
    }
    prunings.push(pruning);
    for (const note of pruning.notes) screen.warn(`note: ${note}`);
    if (!json) for (const line of pruningLines(pruning)) screen.print(line);
    else if (pruning.files.length > 0) screen.print(JSON.stringify(pruningRecord(pruning, yes)));
  }
  if (stop.aborted) process.exitCode = exitCodeOf(stop.reason);
  if (json) return;
  const some = prunings.some(({ files }) => files.length > 0);
  if (some && yes) screen.print(`Deleted: ${totalWords(prunings)}.`);
  else if (some) {
    screen.print(`Nothing is deleted yet: ${totalWords(prunings)}. Delete that with`);
    const narrowed = [...(older === undefined ? [] : ['--older', older]), ...(unvalidated ? ['--unvalidated'] : [])];
    screen.print(`  ${['npx recap prune', shellWord(dir), ...narrowed, '--yes'].join(' ')}`);
  } else if (!stop.aborted) {
    screen.print(`Nothing of ${runs.length === 1 ? '1 run' : `${runs.length} runs`} can be deleted.`);
  }
}

const hour = 3_600_000;
const units: Readonly<Record<string, number>> = { h: hour, d: 24 * hour, w: 7 * 24 * hour };

/** Milliseconds. */
function ageOf(text: string): number {
  const [, number, unit] = /^(\d{1,6})([hdw])$/.exec(text) ?? [];
  if (number === undefined) {
    throw new UserError(
      `--older: found ${JSON.stringify(text)}, expected a number of hours, days or weeks: 12h, 30d, 8w.`,
    );
  }
  return Number(number) * units[unit!]!;
}
