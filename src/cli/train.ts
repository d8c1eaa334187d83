import type { CommandModule } from 'yargs';
import { configOption, setOption } from './options.js';

interface Options {
  readonly config?: string;
  readonly set: string[];
  readonly run?: string;
  readonly resume?: string;
}

export const trainCommand: CommandModule<unknown, Options> = {
  command: 'train',
  describe: 'Train a captioner, or go on with a run',
  builder: (yargs) =>
    yargs
      .options({
        config: configOption,
        set: setOption,
        run: { type: 'string', requiresArg: true, describe: 'Folder of the new run (default: runs/NAME)' },
        resume: { type: 'string', requiresArg: true, describe: 'Folder of a run to go on with' },
      })
      .conflicts('resume', ['config', 'run'])
      .example('$0 train --config config/shapes.yaml', 'train on the built-in set')
      .example(
        '$0 train --config config/flickr1k-lstm.yaml --set data.dir=DIR --run runs/a',
        'other data, a folder of its own',
      )
      .example('$0 train --resume runs/a --set train.epochs=20', 'go on, for more epochs'),
  handler: async () => {
    throw new Error('train is not written yet');
  },
};
