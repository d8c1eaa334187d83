import type { CommandModule } from 'yargs';
import { configOption, setOption } from './options.js';

interface Options {
  readonly config: string;
  readonly set: string[];
  readonly captions: number;
}

export const overfitCommand: CommandModule<unknown, Options> = {
  command: 'overfit',
  describe: 'Sanity run: memorise a few captions',
  builder: (yargs) =>
    yargs
      .options({
        config: { ...configOption, demandOption: true },
        set: setOption,
        captions: {
          type: 'number',
          requiresArg: true,
          default: 50,
          describe: 'Captions to memorise, each of another image',
        },
      })
      .example(
        '$0 overfit --config config/flickr1k-lstm.yaml',
        'exit code 0 only if at least 95% were memorised word for word',
      ),
  handler: async () => {
    throw new Error('overfit is not written yet');
  },
};
