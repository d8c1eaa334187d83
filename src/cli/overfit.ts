/** `recap overfit`: the sanity run on a few captions. */
import type { CommandModule } from 'yargs';
import { resolveConfig } from '../config/load.js';
import { captionLines, trainerLines } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import { overfit } from '../training/checks/overfit.js';
import { configOption, setOption } from './options.js';
import { outliveOutput } from './output.js';
import { exitCodeOf, watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  config: string;
  set: string[];
  captions: number;
  epochs: number;
}

/** Share of the captions that must come out word for word. */
const required = 0.95;
/** Captions that are printed. */
const shown = 10;

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
      .example('$0 overfit --config config/flickr1k-lstm.yaml', '50 captions'),
  handler: run,
};

async function run({ config, set, captions, epochs }: Arguments): Promise<void> {
  // The exit code is a verdict, whoever reads how it came about.
  outliveOutput();
  const screen = new Screen();
  const stop = watchSignals(() => true);
  const {
    samples,
    memorised,
    loss,
    epochs: done,
  } = await overfit(resolveConfig(config, set), {
    captions: wholeNumber('--captions', captions),
    epochs: wholeNumber('--epochs', epochs),
    signal: stop,
    preparing: (what) => screen.progress(what),
    onFault: (message) => screen.warn(`warning: ${message}`),
    started: (trainer, switchedOff) => {
      screen.endProgress();
      for (const line of trainerLines(trainer)) screen.printWrapped(line);
      const { count } = trainer.dataset.train;
      if (count < captions)
        screen.print(`          the training split has ${count} images with captions, fewer than ${captions}`);
      if (switchedOff.length > 0) screen.print(`          switched off for this: ${switchedOff.join(', ')}`);
      screen.print('');
    },
    step: (step, known, of) =>
      screen.progress(`epoch ${step.epoch}  loss ${step.loss.toFixed(4)}  ${known} of ${of} memorised`),
  });
  screen.endProgress();
  for (const line of captionLines(samples.slice(0, shown))) screen.printWrapped(line);
  if (samples.length > shown) screen.print(`  … and ${samples.length - shown} more`);
  const share = memorised / samples.length;
  screen.print('');
  screen.print(
    `${memorised} of ${samples.length} captions memorised word for word (${Math.round(100 * share)}%), loss ` +
      `${loss.toFixed(4)} after ${done} epoch${done === 1 ? '' : 's'}`,
  );
  if (stop.aborted) process.exitCode = exitCodeOf(stop.reason);
  else if (share < required) {
    screen.warn(`recap: at least ${100 * required}% should be. Look at learning rate, data and features.`);
    process.exitCode = 1;
  }
}
