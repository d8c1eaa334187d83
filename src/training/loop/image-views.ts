/**
 * Which view of its image a caption is trained on: addressed by seed, step and row, as the masks of dropout are, so that
 * workers, shards and resumption change nothing of it.
 */
import type { CaptionSplit } from '../../data/dataset.js';
import { keyOf, wordsAt } from '../../tensor/draws.js';
import type { StepAddress } from './caption-source.js';

/**
 * @param images of the split, beside each other in a minibatch
 * @param firstRow the row of the whole minibatch that the first one is of
 * @param rowsOfImage rows that each is of; all of them see it in the same view
 * @returns the row of the split's inputs for each: the image itself or one of its further views, each as likely
 */
export function drawnViews(
  { inputs, views = 1 }: CaptionSplit,
  images: ArrayLike<number>,
  address: StepAddress,
  firstRow: number,
  rowsOfImage = 1,
): Int32Array {
  const apart = Object.values(inputs)[0]!.rows / views;
  const key = keyOf(address, 'view');
  return Int32Array.from(images, (image, i) => {
    const [word] = wordsAt(key, address.step, firstRow + i * rowsOfImage, 0, 0);
    return image + apart * Math.floor((word / 2 ** 32) * views);
  });
}
