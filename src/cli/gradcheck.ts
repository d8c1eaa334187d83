/** `recap gradcheck`: analytic against numeric gradients, parameter by parameter. */
import type { CommandModule } from 'yargs';
import { resolveConfig } from '../config/load.js';
import { allowed, gradcheckAsJson, gradcheckOnScreen } from '../report/gradcheck-report.js';
import { Screen } from '../report/screen.js';
import { gradientCheck } from '../training/checks/gradient-check.js';
import { configOption, jsonOption, quietOption, setOption } from './options.js';
import { outliveOutput } from './output.js';
import { watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  config: string;
  set: string[];
  captions: number;
  elements: number;
  quiet: boolean;
  json: boolean;
}

export const gradcheckCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({ config: { ...configOption, demandOption: true }, set: setOption })
      .option('captions', { type: 'number', default: 2, requiresArg: true, describe: 'Captions of the loss' })
      .option('elements', { type: 'number', default: 10, requiresArg: true, describe: 'Elements of each parameter' })
      .options({ quiet: quietOption, json: jsonOption })
      .example('$0 gradcheck --config config/shapes.yaml', 'every parameter of the quick start'),
  handler: run,
};

async function run({ config, set, captions, elements, quiet, json }: Arguments): Promise<void> {
  // The exit code is a verdict, whoever reads how it came about.
  outliveOutput();
  const screen = new Screen({ quiet: quiet || json });
  const report = json ? gradcheckAsJson((record) => screen.result(JSON.stringify(record))) : gradcheckOnScreen(screen);
  watchSignals(() => {
    report.stopped();
    return false;
  });
  let worst = 0;
  // The gradient is the same in any view.
  const checks = gradientCheck(resolveConfig(config, [...set, 'data.views=0']), {
    captions: wholeNumber('--captions', captions),
    elements: wholeNumber('--elements', elements),
    onFault: (message) => screen.warning(message),
    ...report,
  });
  for await (const check of checks) {
    worst = Math.max(worst, check.relativeError);
    report.checked(check);
  }
  report.ended(worst);
  if (!(worst < allowed)) process.exitCode = 1;
}
