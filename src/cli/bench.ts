import type { CommandModule } from 'yargs';
import { configOption, setOption } from './options.js';

interface Options {
  readonly shape?: 'coco';
  readonly config?: string;
  readonly set: string[];
  readonly cell?: 'lstm' | 'rnn';
  readonly lengths?: 'full' | 'data';
  readonly batch?: number;
  readonly workers?: string;
  readonly steps?: number;
  readonly json?: boolean;
}

export const benchCommand: CommandModule<unknown, Options> = {
  command: 'bench',
  describe: 'Measure training speed',
  builder: (yargs) =>
    yargs
      .options({
        shape: { choices: ['coco'] as const, describe: 'A synthetic shape' },
        config: configOption,
        set: setOption,
        cell: { choices: ['lstm', 'rnn'] as const },
        lengths: { choices: ['full', 'data'] as const },
        batch: { type: 'number', requiresArg: true },
        workers: { type: 'string', requiresArg: true },
        steps: { type: 'number', requiresArg: true },
        json: { type: 'boolean' },
      })
      .example('$0 bench --shape coco --workers 1,2', 'the COCO shape with one and two workers')
      .example('$0 bench --config config/flickr1k-lstm.yaml --json', 'real data, one JSON object a line'),
  handler: async () => {
    throw new Error('bench is not written yet');
  },
};
