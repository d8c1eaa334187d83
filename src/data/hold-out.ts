/** Validation on images of the training split, so that settings can be chosen without looking at the validation split. */
import { UserError } from '../errors.js';
import type { CaptionSplit } from './dataset.js';
import { generator, permutation } from './random.js';

/**
 * Takes `count` images, chosen by the seed, with all their captions out of a split.
 *
 * @param where what messages call the split's source
 * @returns what is left to train on, and the images held out; the tables of inputs are shared
 * @throws UserError when nothing would be left to train on by that
 */
export function holdOut(
  train: CaptionSplit,
  count: number,
  seed: number,
  where: string,
): [train: CaptionSplit, val: CaptionSplit] {
  const images = [...new Set(train.imageIdxs)].sort((a, b) => a - b);
  if (count > 0 && count >= images.length) {
    throw new UserError(
      `data.holdOut: ${count} images, but the training split of ${where} has ${images.length}; some have to be left ` +
        'to train on.',
    );
  }
  const order = permutation(generator(seed, 'hold out'), images.length);
  const held = new Set(Array.from(order.subarray(0, count), (i) => images[i]!));
  const rows = (isHeld: boolean) =>
    [...train.imageIdxs.keys()].filter((row) => held.has(train.imageIdxs[row]!) === isHeld);
  return [pickRows(train, rows(false)), { ...pickRows(train, rows(true)), name: 'val' }];
}

/** The split with these of its captions, in this order; the tables of inputs are shared. */
export function pickRows(split: CaptionSplit, rows: readonly number[]): CaptionSplit {
  const { columns } = split;
  const captions = new Int32Array(new SharedArrayBuffer(rows.length * columns * 4));
  const imageIdxs = new Int32Array(new SharedArrayBuffer(rows.length * 4));
  rows.forEach((row, i) => {
    captions.set(split.captions.subarray(row * columns, (row + 1) * columns), i * columns);
    imageIdxs[i] = split.imageIdxs[row]!;
  });
  return { ...split, captions, imageIdxs, count: rows.length };
}
