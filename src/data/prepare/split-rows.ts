/** Puts the captions of a split in the order in which its tables have them. */
import type { FolderSplit } from '../dataset.js';
import type { CaptionStore } from './caption-store.js';
import type { EncodingCounts } from './encode.js';

export interface SplitRows {
  /** (images) the store's number of each image, by its row in the features to be made. */
  readonly images: Int32Array;
  /** (captions) the store's number of each caption, by row: those of an image stand together, in the order they came in. */
  readonly captions: Int32Array;
  /** (captions) row of each caption's image. */
  readonly imageIdxs: Int32Array;
}

/** A split that has captions. */
export interface PreparedSplit extends SplitRows {
  readonly name: FolderSplit;
  /** Of its table, once that is written. */
  readonly counts: EncodingCounts;
}

/**
 * @param splits of each image
 * @param split that which is wanted
 */
export function rowsOfSplit(store: CaptionStore, splits: Int32Array, split: number): SplitRows {
  const rowOf = new Int32Array(splits.length).fill(-1);
  const images = Int32Array.from([...splits.keys()].filter((image) => splits[image] === split));
  images.forEach((image, row) => {
    rowOf[image] = row;
  });
  // Counting sort by image.
  const ends = new Int32Array(images.length + 1);
  for (let caption = 0; caption < store.count; caption++) {
    const row = rowOf[store.imageOfCaption(caption)]!;
    if (row >= 0) ends[row + 1]!++;
  }
  for (let row = 0; row < images.length; row++) ends[row + 1]! += ends[row]!;
  const captions = new Int32Array(ends[images.length]!);
  const imageIdxs = new Int32Array(captions.length);
  for (let caption = 0; caption < store.count; caption++) {
    const row = rowOf[store.imageOfCaption(caption)]!;
    if (row < 0) continue;
    const at = ends[row]!++;
    captions[at] = caption;
    imageIdxs[at] = row;
  }
  return { images, captions, imageIdxs };
}
