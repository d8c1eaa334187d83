import type { CommandModule } from 'yargs';
import { configOption, setOption } from './options.js';

interface Options {
  readonly config: string;
  readonly set: string[];
}

export const gradcheckCommand: CommandModule<unknown, Options> = {
  command: 'gradcheck',
  describe: 'Compare analytic with numeric gradients',
  builder: (yargs) =>
    yargs
      .options({ config: { ...configOption, demandOption: true }, set: setOption })
      .example('$0 gradcheck --config config/flickr1k-rnn.yaml', 'relative error of every parameter'),
  handler: async () => {
    throw new Error('gradcheck is not written yet');
  },
};
