/** `recap train`: a new run from a config, or one that goes on. */
import type { CommandModule } from 'yargs';
import { resolveConfig } from '../config/load.js';
import { UserError } from '../errors.js';
import { JsonReport } from '../report/json-report.js';
import { outcomeLines } from '../report/run-outcome.js';
import { RunReport } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import type { TrainReport } from '../report/train-report.js';
import type { Ranks } from '../training/parallel/ranks.js';
import { defaultRunFolders } from '../training/run/run-folder.js';
import { resumeRun, startOrResumeRun, startRun, type TrainOptions } from '../training/run/train.js';
import type { TrainOutcome } from '../training/run/train-outcome.js';
import { printFinalCaptions } from './final-captions.js';
import { configOption, jsonOption, quietOption, setOption } from './options.js';
import { outliveOutput } from './output.js';
import { withRanks } from './ranks.js';
import { exitCodeOf, watchSignals } from './signals.js';

interface Arguments {
  config?: string;
  set: string[];
  run?: string;
  resume?: string;
  quiet: boolean;
  json: boolean;
}

export const trainCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .option('config', configOption)
      .option('set', setOption)
      .option('run', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder of the new run (default: runs/CONFIG-DATE)',
      })
      .option('resume', {
        type: 'string',
        requiresArg: true,
        describe: 'Go on with the run in this folder; auto: start the run of --run, or go on with it',
      })
      .options({ quiet: quietOption, json: jsonOption })
      .example('$0 train --config config/shapes.yaml', 'the built-in set, under a minute')
      .example('$0 train --config config/coco-lstm.yaml --set train.workers=8', 'override one key')
      .example('$0 train --resume runs/coco-lstm-20260301-120000', 'go on where it stopped')
      .example('$0 train --resume runs/mine --set train.epochs=20', 'train longer')
      .example('$0 train --config FILE --run runs/mine --resume auto', 'whichever is due, as often as called'),
  handler: train,
};

/** What the words ask for. */
function action({ config, set, run, resume }: Arguments): (options: TrainOptions) => Promise<TrainOutcome> {
  if (resume === 'auto') {
    if (config === undefined || run === undefined) {
      throw new UserError(
        '--resume auto needs --config FILE and --run FOLDER: it starts the run there, or goes on with it.',
      );
    }
    return (options) => startOrResumeRun(resolveConfig(config, set), run, options);
  }
  if ((config === undefined) === (resume === undefined)) {
    throw new UserError('train needs either --config FILE for a new run or --resume FOLDER to go on with one.');
  }
  if (resume === undefined) {
    return (options) =>
      startRun(resolveConfig(config!, set), run ?? { firstFreeOf: defaultRunFolders(config!) }, options);
  }
  if (run !== undefined) {
    throw new UserError('--run names the folder of a new run; --resume already names its folder.');
  }
  return (options) => resumeRun(resume, set, options);
}

async function train(words: Arguments): Promise<void> {
  const { config, set, quiet, json } = words;
  const configOf = () => {
    action(words);
    return config === undefined ? null : resolveConfig(config, set);
  };
  const screen = new Screen({ quiet: quiet || json });
  const report: TrainReport = json ? new JsonReport(screen) : new RunReport(screen);
  await withRanks(
    configOf,
    (ranks) => trainAsFirst(words, { screen, report, ranks }),
    (error) => report.failed(error),
  );
}

async function trainAsFirst(
  words: Arguments,
  { screen, report, ranks }: { screen: Screen; report: TrainReport; ranks: Ranks | undefined },
): Promise<void> {
  const act = action(words);
  outliveOutput();
  const stop = watchSignals((signal) => {
    const message = stopping(signal, report.hasStarted, ranks !== undefined);
    screen.warn(message);
    if (!report.hasStarted) report.stoppedBeforeStart(message);
    return report.hasStarted;
  }, ranks !== undefined);
  try {
    const outcome = await act({
      ranks,
      events: report,
      signal: stop,
      finished: screen.isQuiet ? undefined : (trainer) => printFinalCaptions(trainer, screen),
    });
    report.ended(outcome);
    if (outcome.stopped) process.exitCode = exitCodeOf(stop.reason);
    else if (outcomeLines(outcome).warnings.length > 0) process.exitCode = 1;
  } catch (error) {
    report.failed(error);
    throw error;
  }
}

function stopping(signal: NodeJS.Signals, hasStarted: boolean, hasRanks: boolean): string {
  if (!hasStarted) return `${signal}: stopped before training began.`;
  const finishing = `${signal}: finishing this step and writing a checkpoint`;
  if (!hasRanks) return `${finishing}. Again to stop at once.`;
  return `${finishing}, if all ranks still answer. Otherwise the checkpoint before is the last one.`;
}
