/** Names of the files of a data folder in CS231n's layout, and of those that recap puts beside them. */
export const captionFileName = 'coco2014_captions.h5';
export const vocabularyFileName = 'coco2014_vocab.json';

/** What a model is given of each image of a split, by row. */
export function featureFileName(split: string, features: string): string {
  return `${split}2014_vgg16_${features}.h5`;
}

export function gridFileName(split: string): string {
  return `${split}2014_grid.h5`;
}

/** The same of further views of the training images: a row for each image from one view, then from the next. */
export function viewsFileName(file: string): string {
  return file.replace(/\.h5$/, '_views.h5');
}

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
