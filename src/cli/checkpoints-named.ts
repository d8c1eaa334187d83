/** The checkpoints that a command is to caption by, and what it tells of them and of captioning. */
import { UserError } from '../errors.js';
import { isFolder } from '../files/make-folder.js';
import type { Screen } from '../report/screen.js';
import { type Checkpoint, readCheckpoint } from '../training/checkpoints/checkpoint.js';
import { checkpointOfRun, newestCheckpointsOfRun } from '../training/checkpoints/checkpoint-folder.js';
import type { ImageOptions } from '../training/loop/caption-images.js';
import type { CaptioningOptions } from '../training/loop/input-captioner.js';
import type { DecodingArguments } from './decoding-options.js';
import { wholeNumber } from './whole-number.js';

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
    if (average === undefined) return [isFolder(path) ? checkpointOfRun(path, onBad) : readCheckpoint(path)];
    if (!isFolder(path))
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
