/** `recap caption`: captions images from a checkpoint and a feature file alone. */
import type { CommandModule } from 'yargs';
import { overriddenConfig, parseConfigText } from '../config/load.js';
import type { SplitName } from '../data/dataset.js';
import { engineLines } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import { captionImages } from '../training/caption-images.js';
import { readCheckpoint } from '../training/checkpoint.js';
import { setOption } from './options.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  checkpoint: string;
  split: SplitName;
  count: number;
  set: string[];
}

export const captionCommand: CommandModule<unknown, Arguments> = {
  command: 'caption',
  describe: 'Caption images from a checkpoint',
  builder: (yargs) =>
    yargs
      .options({
        checkpoint: { type: 'string', requiresArg: true, demandOption: true, describe: 'Checkpoint (.safetensors)' },
        split: { choices: ['train', 'val'] as const, default: 'val' as const, describe: 'Images of which split' },
        count: { type: 'number', requiresArg: true, default: 10, describe: 'Images, from the first on' },
        set: setOption,
      })
      .example('$0 caption --checkpoint runs/a/checkpoints/step-500.safetensors', 'the first 10 validation images')
      .example('$0 caption --checkpoint FILE --count 5 --set data.dir=DIR', 'where the data has moved'),
  handler: caption,
};

async function caption({ checkpoint: path, split, count, set }: Arguments): Promise<void> {
  const screen = new Screen();
  const images = wholeNumber('--count', count);
  const checkpoint = readCheckpoint(path);
  const recorded = parseConfigText(JSON.stringify(checkpoint.state.config), path);
  const { engine, captions } = await captionImages(
    checkpoint,
    overriddenConfig(recorded, set),
    split,
    images,
    (fault) => screen.warn(`warning: ${fault}`),
  );
  for (const line of engineLines(engine)) screen.warn(line);
  for (const { image, url, caption: text } of captions) {
    screen.print(`${String(image).padStart(6)}  ${text}${url === null ? '' : `  (${url})`}`);
  }
}
