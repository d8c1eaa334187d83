/** Options by which `caption` and `evaluate` choose models and images, and search for captions. */
import { type FolderSplit, folderSplits } from '../data/dataset.js';
import type { DecodingOptions } from '../model/decoding/decoding.js';

export interface DecodingArguments {
  checkpoint: string[];
  average?: number;
  beam?: number;
  alpha?: number;
  nbest?: number;
  groups?: number;
  'no-repeat'?: boolean;
  'min-length'?: number;
  temperature?: number;
  'top-k'?: number;
  'top-p'?: number;
  seed?: number;
}

const number = { type: 'number', requiresArg: true } as const;

export const decodingOptions = {
  checkpoint: {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    defaultDescription: 'none',
    describe: 'Checkpoint (.safetensors), or the folder of a run for its best one; several are an ensemble',
  },
  average: { ...number, describe: "A run's folder stands for the mean parameters of its newest N checkpoints" },
  beam: { ...number, describe: 'Beam search with so many hypotheses (default: the likeliest word at each step)' },
  alpha: { ...number, describe: 'Beam: score = log probability / words^alpha (default: 1, the mean)' },
  nbest: { ...number, describe: 'Captions of each image: the best of a beam, or samples (default: 1)' },
  groups: { ...number, describe: 'Beam: groups that are put off the words of one another' },
  'no-repeat': { type: 'boolean', describe: 'No three words in a row twice in a caption' },
  'min-length': { ...number, describe: 'Fewest words of a caption' },
  temperature: { ...number, describe: 'Sample, from scores divided by it' },
  'top-k': { ...number, describe: 'Sample, from the k likeliest words' },
  'top-p': { ...number, describe: 'Sample, from the fewest words whose probabilities sum to p' },
  seed: { ...number, describe: 'Of the samples (default: 231)' },
} as const;

/** Where `splitOption` is not given. */
export const defaultSplit: FolderSplit = 'val';

/** Without a default, so that a command can tell that it was given. */
export const splitOption = {
  choices: folderSplits,
  defaultDescription: defaultSplit,
  describe: 'Images of which split are captioned',
} as const;

/** All but `checkpoint`: what is of no use without one. */
export const decodingNames = Object.keys(decodingOptions).filter((name) => name !== 'checkpoint') as readonly Exclude<
  keyof typeof decodingOptions,
  'checkpoint'
>[];

export function searchWanted(words: DecodingArguments): DecodingOptions {
  const { beam, alpha, nbest, groups, temperature, seed } = words;
  const rules = { noRepeat: words['no-repeat'], minLength: words['min-length'] };
  return { beam, alpha, nbest, groups, temperature, seed, ...rules, topK: words['top-k'], topP: words['top-p'] };
}
