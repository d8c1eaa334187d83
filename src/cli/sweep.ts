/** `recap sweep`: one config with other settings, run after run, and a table of what came of each. */
import { basename, extname, join } from 'node:path';
import type { CommandModule } from 'yargs';
import { bestWords } from '../report/run-outcome.js';
import { duration } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import { settingsTitle, sweepTable } from '../report/sweep-table.js';
import { parseGrid, type SweepResult, type SweepRun, settingsOf, sweep, sweepRuns } from '../training/run/sweep.js';
import { configOption, setOption } from './options.js';
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
      .example('$0 sweep --config FILE --grid train.optimizer.learningRate=1e-3,3e-3 --seeds 3', 'six runs')
      .example('$0 sweep --config FILE --alone --grid train.ema=0.99 --grid train.clip.norm=5', 'three runs'),
  handler: run,
};

async function run({ config, set, grid, alone, seeds, out }: Arguments): Promise<void> {
  const runs = sweepRuns(
    config,
    set,
    settingsOf(grid.map(parseGrid), alone),
    wholeNumber('--seeds', seeds),
    out ?? join('sweeps', basename(config, extname(config))),
  );
  outliveOutput();
  const screen = new Screen();
  let isTraining = false;
  const stop = watchSignals((signal) => {
    screen.endProgress();
    screen.warn(`${signal}: finishing this step and writing a checkpoint. Again to stop at once.`);
    return isTraining;
  });
  const title = (each: SweepRun) =>
    `run ${runs.indexOf(each) + 1} of ${runs.length}  ${settingsTitle(each.settings)}, seed ${each.seed}`;
  let current: SweepRun | undefined;
  const results = await sweep(runs, {
    signal: stop,
    starting: (each) => {
      current = each;
      isTraining = true;
    },
    events: {
      preparing: (what) => screen.progress(what),
      validating: (what, done, of) => screen.progress(`${title(current!)}  validation: ${done} of ${of} ${what}`),
      step: ({ step, epoch, loss }) =>
        screen.progress(
          `${title(current!)}  epoch ${epoch}/${current!.config.train.epochs}  step ${step}  loss ${loss.toFixed(4)}`,
        ),
      warning: (message) => screen.warn(`warning: ${message}`),
      note: (message) => screen.print(message),
    },
    ended: (result) => {
      screen.endProgress();
      screen.print(`${title(result.run)}: ${resultWords(result)}`);
    },
  });
  screen.endProgress();
  screen.print('');
  for (const line of sweepTable(results)) screen.print(line);
  if (stop.aborted) {
    screen.print('');
    screen.print(`Stopped with ${results.length} of ${runs.length} runs done. The same words go on with it.`);
    process.exitCode = exitCodeOf(stop.reason);
  } else if (results.some(({ failure }) => failure !== null)) process.exitCode = 1;
}

function resultWords({ outcome, failure, run }: SweepResult): string {
  if (!outcome) return `failed: ${failure}`;
  const time = duration(outcome.elapsedSeconds * 1000);
  const what = outcome.best === null ? 'not validated' : `best validation ${bestWords(outcome.best)}`;
  return `${what}, ${outcome.step} steps in ${time}, in ${run.dir}`;
}
