import type { CommandModule } from 'yargs';
import { setOption } from './options.js';

interface Options {
  readonly checkpoint: string;
  readonly split: 'train' | 'val';
  readonly count: number;
  readonly set: string[];
}

export const captionCommand: CommandModule<unknown, Options> = {
  command: 'caption',
  describe: 'Caption images from a checkpoint',
  builder: (yargs) =>
    yargs
      .options({
        checkpoint: { type: 'string', requiresArg: true, demandOption: true, describe: 'Checkpoint (.safetensors)' },
        split: { choices: ['train', 'val'] as const, default: 'val' as const, describe: 'Images of which split' },
        count: { type: 'number', requiresArg: true, default: 10, describe: 'Images' },
        set: setOption,
      })
      .example(
        '$0 caption --checkpoint runs/a/checkpoints/step-500.safetensors --count 5',
        'the first 5 validation images',
      )
      .example('$0 caption --checkpoint FILE --set data.dir=DIR', 'where the data has moved'),
  handler: async () => {
    throw new Error('caption is not written yet');
  },
};
