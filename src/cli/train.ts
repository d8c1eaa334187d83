/** `recap train`: a new run from a config, or one that goes on. */
import type { CommandModule } from 'yargs';
import { resolveConfig } from '../config/load.js';
import { UserError } from '../errors.js';
import { duration, RunReport } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import { defaultRunFolder } from '../training/run-folder.js';
import { resumeRun, startRun, type TrainOutcome } from '../training/train.js';
import type { Trainer } from '../training/trainer.js';
import { printFinalCaptions } from './final-captions.js';
import { configOption, setOption } from './options.js';
import { outliveOutput } from './output.js';
import { exitCodeOf, watchSignals } from './signals.js';

interface Arguments {
  config?: string;
  set: string[];
  run?: string;
  resume?: string;
}

export const trainCommand: CommandModule<unknown, Arguments> = {
  command: 'train',
  describe: 'Train a captioner from a config, or go on with a run',
  builder: (yargs) =>
    yargs
      .option('config', configOption)
      .option('set', setOption)
      .option('run', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder of the new run (default: runs/CONFIG-DATE)',
      })
      .option('resume', { type: 'string', requiresArg: true, describe: 'Go on with the run in this folder' })
      .example('$0 train --config config/shapes.yaml', 'the built-in set, under a minute')
      .example('$0 train --config config/coco-lstm.yaml --set train.workers=8', 'override one key')
      .example('$0 train --resume runs/coco-lstm-20260301-120000', 'go on where it stopped')
      .example('$0 train --resume runs/mine --set train.epochs=20', 'train longer'),
  handler: train,
};

async function train({ config, set, run, resume }: Arguments): Promise<void> {
  if ((config === undefined) === (resume === undefined)) {
    throw new UserError('train needs either --config FILE for a new run or --resume FOLDER to go on with one.');
  }
  if (resume !== undefined && run !== undefined) {
    throw new UserError('--run names the folder of a new run; --resume already names its folder.');
  }
  outliveOutput();
  const screen = new Screen();
  const events = new RunReport(screen);
  const interruption = watchSignals((signal) => {
    screen.endProgress();
    screen.warn(
      events.hasStarted
        ? `${signal}: finishing this step and writing a checkpoint. Again to stop at once.`
        : `${signal}: stopped before training began.`,
    );
    return events.hasStarted;
  });
  const options = {
    events,
    interruption,
    finished: (trainer: Trainer) => {
      screen.endProgress();
      return printFinalCaptions(trainer, screen);
    },
  };
  const outcome =
    resume === undefined
      ? await startRun(resolveConfig(config!, set), run ?? defaultRunFolder(config!), options)
      : await resumeRun(resume, set, options);
  screen.endProgress();
  report(screen, outcome);
  if (outcome.signal !== null) process.exitCode = exitCodeOf(outcome.signal);
  else if (!outcome.saved) process.exitCode = 1;
}

function report(
  screen: Screen,
  { dir, step, lastStep, signal, saved, alreadyComplete, elapsedSeconds }: TrainOutcome,
): void {
  const again = `recap train --resume ${dir}`;
  if (alreadyComplete) {
    screen.print(`The run in ${dir} is complete: all ${lastStep} steps are done. Train longer with`);
    screen.print(`  ${again} --set train.epochs=N`);
    return;
  }
  if (!saved) screen.warn(`The newest checkpoint could not be written; what ${dir} holds is older.`);
  if (signal !== null) {
    screen.print(`Stopped after step ${step} of ${lastStep}. Go on with`);
    screen.print(`  ${again}`);
  } else {
    screen.print(`Done: ${lastStep} steps in ${duration(elapsedSeconds * 1000)}. Caption images with`);
    screen.print(`  recap caption --checkpoint ${dir}/checkpoints/step-${step}.safetensors`);
  }
}
