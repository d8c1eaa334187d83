/** `recap sweep`: one config with other settings, run after run, and a table of what came of each. */
import { basename, extname, join } from 'node:path';
import type { CommandModule } from 'yargs';
import { Screen } from '../report/screen.js';
import { isWhole, sweepAsJson, sweepOnScreen } from '../report/sweep-report.js';
import { parseGrid, settingsOf, sweep, sweepRuns } from '../training/run/sweep.js';
import { configOption, jsonOption, quietOption, setOption } from './options.js';
import { outliveOutput } from './output.js';
import { exitCodeOf, watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  config: string;
  set: string[];
  grid: string[];
  alone: boolean;
  seeds: number;
  out?: string;
  quiet: boolean;
  json: boolean;
}

export const sweepCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({ config: { ...configOption, demandOption: true }, set: setOption })
      .option('grid', {
        type: 'string',
        array: true,
        requiresArg: true,
        demandOption: true,
        describe: 'A key and its values, KEY=VALUE,VALUE in YAML; may be repeated',
      })
      .option('alone', {
        type: 'boolean',
        default: false,
        describe: 'The config itself and each value alone on top of it, instead of all combinations',
      })
      .option('seeds', { type: 'number', default: 1, requiresArg: true, describe: 'Runs of each, from train.seed on' })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder of the runs (default: sweeps/CONFIG); called again, it goes on there',
      })
      .options({ quiet: quietOption, json: jsonOption })
      .example('$0 sweep --config FILE --grid train.optimizer.learningRate=1e-3,3e-3 --seeds 3', 'six runs')
      .example('$0 sweep --config FILE --alone --grid train.ema=0.99 --grid train.clip.norm=5', 'three runs'),
  handler: run,
};

async function run({ config, set, grid, alone, seeds, out, quiet, json }: Arguments): Promise<void> {
  const runs = sweepRuns(
    config,
    set,
    settingsOf(grid.map(parseGrid), alone),
    wholeNumber('--seeds', seeds),
    out ?? join('sweeps', basename(config, extname(config))),
  );
  outliveOutput();
  const screen = new Screen({ quiet: quiet || json });
  const report = json ? sweepAsJson(screen, runs) : sweepOnScreen(screen, runs);
  let isTraining = false;
  const stop = watchSignals((signal) => {
    screen.warn(`${signal}: finishing this step and writing a checkpoint. Again to stop at once.`);
    return isTraining;
  });
  const done = sweep(runs, {
    signal: stop,
    ...report,
    starting: (run) => {
      isTraining = true;
      report.starting(run);
    },
  });
  const results = await done.catch((error: unknown) => {
    report.failed(error);
    throw error;
  });
  report.allEnded(results, stop.aborted);
  if (stop.aborted) process.exitCode = exitCodeOf(stop.reason);
  else if (!results.every(isWhole)) process.exitCode = 1;
}
