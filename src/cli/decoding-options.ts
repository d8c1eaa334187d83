/** Options by which `caption` and `evaluate` choose models and search for captions. */
import { statSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { DecodingOptions } from '../model/decoding/decoding.js';
import type { Screen } from '../report/screen.js';
import { type Checkpoint, readCheckpoint } from '../training/checkpoints/checkpoint.js';
import { checkpointOfRun, newestCheckpointsOfRun } from '../training/checkpoints/checkpoint-folder.js';
import type { ImageOptions } from '../training/loop/caption-images.js';
import type { CaptioningOptions } from '../training/loop/input-captioner.js';
import { wholeNumber } from './whole-number.js';

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

export function searchWanted(words: DecodingArguments): DecodingOptions {
  const { beam, alpha, nbest, groups, temperature, seed } = words;
  const rules = { noRepeat: words['no-repeat'], minLength: words['min-length'] };
  return { beam, alpha, nbest, groups, temperature, seed, ...rules, topK: words['top-k'], topP: words['top-p'] };
}

/**
 * The checkpoints that are named, a list for each.
 *
 * @throws UserError when one cannot be read, or a file is to be averaged
 */
export function checkpointsNamed(
  { checkpoint: paths, average }: Pick<DecodingArguments, 'checkpoint' | 'average'>,
  screen: Screen,
): Checkpoint[][] {
  const onBad = (_path: string, why: string) => screen.warning(`${why} It is passed over.`);
  return paths.map((path) => {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (average === undefined) return [isFolder ? checkpointOfRun(path, onBad) : readCheckpoint(path)];
    if (!isFolder)
      throw new UserError(`--average takes the newest checkpoints of runs; ${path} is no folder of a run.`);
    return newestCheckpointsOfRun(path, wholeNumber('--average', average), onBad);
  });
}

/** What captioning tells of itself. */
export function captioningProgress(
  screen: Screen,
): Required<Pick<CaptioningOptions, 'captioning'>> & Pick<ImageOptions, 'loading'> {
  return {
    loading: (done, of) => screen.wait({ what: 'reading the features', done, of }),
    captioning: (done, of) => screen.wait({ what: 'captioning', done, of, unit: 'images' }),
  };
}

export function checkpointLines(members: readonly (readonly Checkpoint[])[]): string[] {
  const lines = members.map((some) => {
    const steps = some.map(({ state }) => state.step).join(', ');
    const [first] = some as [Checkpoint, ...Checkpoint[]];
    return some.length === 1
      ? `checkpoint ${first.path}, after step ${steps}`
      : `mean of ${some.length} checkpoints beside ${first.path}, after steps ${steps}`;
  });
  return members.length === 1
    ? lines
    : [...lines, `an ensemble of ${members.length}: their probabilities are averaged`];
}
