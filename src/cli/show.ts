/** `recap show`: one run in full. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { isFolder } from '../files/make-folder.js';
import { sheetLines, sheetRecord } from '../report/run-sheet.js';
import { Screen } from '../report/screen.js';
import { shellWord } from '../shell-word.js';
import { detailsOf } from '../training/run/run-details.js';
import { filesOf } from '../training/run/run-files.js';
import { jsonOption } from './options.js';

interface Arguments {
  run: string;
  json: boolean;
}

export const showCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .positional('run', { type: 'string', demandOption: true, describe: 'Folder of the run' })
      .option('json', jsonOption)
      .example('$0 show runs/mine', 'its config, checkpoints and validations, and what to do with it'),
  handler: async ({ run: named, json }) => {
    // A slash at the end, as shells complete it, would be in the middle of the names that commands are told.
    const run = named === '.' ? resolve(named) : named.replace(/(?<=[^\\/])[\\/]+$/, '');
    if (!isFolder(run)) throw new UserError(`There is no run folder ${run}.`);
    const { config, metrics, checkpoints } = filesOf(run);
    if (![config, metrics, checkpoints].some((path) => existsSync(path))) {
      throw new UserError(
        `${run} is not a run: it has neither config.yaml nor metrics.jsonl. \`recap runs ${shellWord(run)}\` lists those in it.`,
      );
    }
    const details = await detailsOf(run);
    const screen = new Screen();
    if (json) screen.print(JSON.stringify(sheetRecord(details)));
    else for (const line of sheetLines(details, Date.now())) screen.print(line);
  },
};
