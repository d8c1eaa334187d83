/** Names of the files of a data folder in CS231n's layout, and of those that recap puts beside them. */
export const captionFileName = 'coco2014_captions.h5';
export const vocabularyFileName = 'coco2014_vocab.json';

/** An image a line, by row of the features: a URL, or a path seen from the folder. */
export function urlFileName(split: string): string {
  return `${split}2014_urls.txt`;
}

/** An image a line, by row of the features to be made: its file, absolute or seen from the folder. */
export function imageListName(split: string): string {
  return `${split}2014_images.txt`;
}

/** The captions of each image as people wrote them. */
export function referenceListName(split: string): string {
  return `${split}_refs.json`;
}
