/** What an extraction consists of: the images of each split, and further views of the training images. */
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { FolderSplit } from './dataset.js';
import type { ImageList } from './image-lists.js';

/** Images whose rows come into one file. */
export interface Part {
  readonly split: FolderSplit;
  /** Further views of each image that they are: first all images from one view, then from the next. 0: the images. */
  readonly views: number;
  readonly list: ImageList;
  /** Rows. */
  readonly count: number;
}

/** @throws UserError when there are no training images to have further views of */
export function partsOf(folder: string, lists: readonly ImageList[], views: number): Part[] {
  const parts = lists.map((list): Part => ({ split: list.split, views: 0, list, count: list.paths.length }));
  if (views === 0) return parts;
  const train = lists.find(({ split }) => split === 'train');
  if (train) return [...parts, { split: 'train', views, list: train, count: views * train.paths.length }];
  throw new UserError(`--views: ${folder} has no training images (train2014_images.txt) to have further views of.`);
}

/** Where rows are kept until they are written. */
export function rowsFile(partial: string, part: Part, table: 'features' | 'grid' | 'projected'): string {
  return join(partial, `${nameOf(part)}.${table}`);
}

export function nameOf({ split, views }: Part): string {
  return views > 0 ? `${split}_views` : split;
}
