/** `recap gradcheck`: analytic against numeric gradients, parameter by parameter. */
import type { CommandModule } from 'yargs';
import { resolveConfig } from '../config/load.js';
import { trainerLines } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import { gradientCheck } from '../training/checks/gradient-check.js';
import { configOption, setOption } from './options.js';
import { outliveOutput } from './output.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  config: string;
  set: string[];
  captions: number;
  elements: number;
}

/** The course calls anything above this a likely mistake. */
const allowed = 1e-5;

export const gradcheckCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({ config: { ...configOption, demandOption: true }, set: setOption })
      .option('captions', { type: 'number', default: 2, requiresArg: true, describe: 'Captions of the loss' })
      .option('elements', { type: 'number', default: 10, requiresArg: true, describe: 'Elements of each parameter' })
      .example('$0 gradcheck --config config/shapes.yaml', 'every parameter of the quick start'),
  handler: run,
};

async function run({ config, set, captions, elements }: Arguments): Promise<void> {
  // The exit code is a verdict, whoever reads how it came about.
  outliveOutput();
  const screen = new Screen();
  let worst = 0;
  const checks = gradientCheck(resolveConfig(config, set), {
    captions: wholeNumber('--captions', captions),
    elements: wholeNumber('--elements', elements),
    started: (trainer, switchedOff) => {
      screen.endProgress();
      for (const line of trainerLines(trainer)) screen.printWrapped(line);
      if (switchedOff.length > 0) {
        screen.printWrapped(`          switched off for this: ${switchedOff.join(', ')}`);
      }
      screen.print('');
    },
    compared: (name, done, of) => screen.progress(`${name.padEnd(8)}  ${done} of ${of} elements`),
    preparing: (what) => screen.progress(what),
    onFault: (message) => screen.warn(`warning: ${message}`),
  });
  for await (const { name, compared, relativeError } of checks) {
    screen.endProgress();
    worst = Math.max(worst, relativeError);
    const verdict = relativeError < allowed ? '' : '  TOO LARGE';
    screen.print(
      `${name.padEnd(8)}  relative error ${relativeError.toExponential(2)} over ${compared} elements${verdict}`,
    );
  }
  screen.print(`largest relative error ${worst.toExponential(2)}, allowed ${allowed}`);
  if (!(worst < allowed)) process.exitCode = 1;
}
