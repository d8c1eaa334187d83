/** `recap runs`: the runs on the disk, a line each. */
import type { CommandModule } from 'yargs';
import { runLines, runRecord } from '../report/run-list.js';
import { Screen } from '../report/screen.js';
import { findRuns } from '../training/run/find-runs.js';
import { type RunSummary, summaryOf } from '../training/run/run-summary.js';
import { jsonOption } from './options.js';

interface Arguments {
  dir: string;
  json: boolean;
}

export const runsCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .positional('dir', {
        type: 'string',
        default: 'runs',
        describe: 'Folder that the runs are in, at whatever depth',
      })
      .option('json', jsonOption)
      .example('$0 runs', 'those in runs/, the newest first')
      .example('$0 runs sweeps/shapes --json', 'those of a sweep, a JSON object a line'),
  handler: async ({ dir, json }) => {
    const screen = new Screen();
    const { runs, unreadable } = findRuns(dir);
    for (const why of unreadable) screen.warn(`warning: ${why}`);
    const summaries: RunSummary[] = [];
    for (const run of runs) summaries.push(await summaryOf(run));
    summaries.sort((a, b) => b.writtenAt - a.writtenAt);
    if (json) for (const summary of summaries) screen.print(JSON.stringify(runRecord(summary)));
    else if (summaries.length === 0) screen.print(`No run is in ${dir}.`);
    else for (const line of runLines(summaries, Date.now())) screen.print(line);
  },
};
