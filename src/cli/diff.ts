/** `recap diff`: where the configs of runs differ. */
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { comparison } from '../config/differences.js';
import { resolveRunConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import { isFolder } from '../files/make-folder.js';
import { comparisonLines } from '../report/config-comparison.js';
import { Screen } from '../report/screen.js';
import { jsonOption } from './options.js';

interface Arguments {
  runs: string[];
  json: boolean;
}

export const diffCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .positional('runs', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Folders of runs, or config files (YAML)',
      })
      .option('json', jsonOption)
      .example('$0 diff runs/a runs/b', 'the keys in which they differ')
      .example('$0 diff config/shapes.yaml runs/a runs/b', 'a config file and two runs'),
  handler: ({ runs, json }) => {
    if (runs.length < 2) throw new UserError('diff needs two runs or more, or config files.');
    const compared = comparison(runs.map(configAt));
    const screen = new Screen();
    if (json) screen.print(JSON.stringify({ configs: runs, differences: compared.map(recordOf) }));
    else for (const line of comparisonLines(runs, compared)) screen.print(line);
  },
};

function configAt(path: string): Config {
  return resolveRunConfig(isFolder(path) ? join(path, 'config.yaml') : path);
}

/** JSON has no undefined: null where a config has no such key. */
function recordOf({ key, values }: { readonly key: string; readonly values: readonly unknown[] }) {
  return { key, values: values.map((value) => value ?? null) };
}
