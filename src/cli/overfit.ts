/** `recap overfit`: the sanity run on a few captions. */
import type { CommandModule } from 'yargs';
import { resolveConfig } from '../config/load.js';
import { overfitAsJson, overfitOnScreen, required } from '../report/overfit-report.js';
import { Screen } from '../report/screen.js';
import { overfit } from '../training/checks/overfit.js';
import { configOption, jsonOption, quietOption, setOption } from './options.js';
import { outliveOutput } from './output.js';
import { exitCodeOf, watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  config: string;
  set: string[];
  captions: number;
  epochs: number;
  quiet: boolean;
  json: boolean;
}

export const overfitCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({ config: { ...configOption, demandOption: true }, set: setOption })
      .option('captions', {
        type: 'number',
        default: 50,
        requiresArg: true,
        describe: 'Captions, each of another image',
      })
      .option('epochs', { type: 'number', default: 400, requiresArg: true, describe: 'Give up after so many epochs' })
      .options({ quiet: quietOption, json: jsonOption })
      .example('$0 overfit --config config/flickr1k-lstm.yaml', '50 captions'),
  handler: run,
};

async function run({ config, set, captions, epochs, quiet, json }: Arguments): Promise<void> {
  // The exit code is a verdict, whoever reads how it came about.
  outliveOutput();
  const screen = new Screen({ quiet: quiet || json });
  const report = json
    ? overfitAsJson((record) => screen.result(JSON.stringify(record)))
    : overfitOnScreen(screen, captions);
  const stop = watchSignals(() => true);
  const outcome = await overfit(resolveConfig(config, set), {
    captions: wholeNumber('--captions', captions),
    epochs: wholeNumber('--epochs', epochs),
    signal: stop,
    onFault: (message) => screen.warning(message),
    ...report,
  });
  report.ended(outcome);
  if (outcome.stopped) process.exitCode = exitCodeOf(stop.reason);
  else if (outcome.memorised / outcome.samples.length < required) {
    screen.warn(`recap: at least ${100 * required}% should be. Look at learning rate, data and features.`);
    process.exitCode = 1;
  }
}
