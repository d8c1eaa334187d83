/** Which split each image belongs to: as captions or lists of images say, or drawn. */
import { extname, normalize } from 'node:path';
import { UserError } from '../../errors.js';
import { type FolderSplit, folderSplits } from '../dataset.js';
import { quote } from '../quote.js';
import { generator, permutation } from '../random.js';
import { linePlace, readLines, textFile } from './text-source.js';

/** A file with the name of an image a line, as Flickr8k has them for its splits. */
export interface ImageList {
  readonly split: FolderSplit;
  readonly path: string;
}

/** Shares of the images that are drawn for validation and test. */
export interface RandomSplits {
  readonly val: number;
  readonly test: number;
  readonly seed: number;
}

/** What is drawn where nothing else is wanted. */
export const defaultSplits: RandomSplits = { val: 0.1, test: 0, seed: 231 };

export interface AssignedSplits {
  /** Of each image: a place in folderSplits, or -1 for one that is left out. */
  readonly splits: Int32Array;
  readonly origin: 'captions' | 'lists' | 'drawn';
  /** Images of lists that have no captions. */
  readonly withoutCaptions: number;
}

const unlisted = -1;

/**
 * @param images their names, by number
 * @param told what the captions say, or null
 * @throws UserError when a list cannot be read, an image is in two, or splits are told in two ways
 */
export async function assignSplits(
  images: readonly string[],
  told: Int32Array | null,
  lists: readonly ImageList[],
  random: Partial<RandomSplits>,
): Promise<AssignedSplits> {
  const teller = told !== null ? 'the captions tell' : lists.length > 0 ? '--list tells' : null;
  const [needless] = Object.keys(random);
  if (told !== null && lists.length > 0) throw new UserError('--list: the captions tell the splits. Leave it out.');
  if (teller !== null && needless !== undefined) {
    throw new UserError(`--${needless} is for splits that are drawn, but ${teller} them. Leave it out.`);
  }
  if (told !== null) return { splits: told, origin: 'captions', withoutCaptions: 0 };
  if (lists.length > 0) return { ...(await listedSplits(images, lists)), origin: 'lists' };
  return { splits: drawnSplits(images.length, { ...defaultSplits, ...random }), origin: 'drawn', withoutCaptions: 0 };
}

/** Images are listed with or without the ending of their file. */
async function listedSplits(
  images: readonly string[],
  lists: readonly ImageList[],
): Promise<Pick<AssignedSplits, 'splits' | 'withoutCaptions'>> {
  const numbers = new Map(images.map((name, image) => [name.slice(0, name.length - extname(name).length), image]));
  images.forEach((name, image) => {
    numbers.set(name, image);
  });
  const splits = new Int32Array(images.length).fill(unlisted);
  let withoutCaptions = 0;
  for (const { split, path } of lists) {
    const wanted = folderSplits.indexOf(split);
    await readLines(textFile(path), (line, number) => {
      if (line.trim() === '') return;
      const image = numbers.get(normalize(line.trim()));
      if (image === undefined) {
        withoutCaptions++;
        return;
      }
      const other = splits[image]!;
      if (other !== unlisted && other !== wanted) {
        throw new UserError(
          `${linePlace(path, number)}: ${quote(images[image])} is in the list of ${folderSplits[other]} too. An image ` +
            'belongs to one split.',
        );
      }
      splits[image] = wanted;
    });
  }
  return { splits, withoutCaptions };
}

/** A share above 0 gets an image at least. */
function drawnSplits(images: number, { val, test, seed }: RandomSplits): Int32Array {
  const order = permutation(generator(seed, 'splits of images'), images);
  const countOf = (share: number) => (share === 0 ? 0 : Math.max(1, Math.round(share * images)));
  const valEnd = countOf(val);
  const testEnd = valEnd + countOf(test);
  const splits = new Int32Array(images);
  order.forEach((image, i) => {
    splits[image] = folderSplits.indexOf(i < valEnd ? 'val' : i < testEnd ? 'test' : 'train');
  });
  return splits;
}
