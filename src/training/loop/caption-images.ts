/** Captions of images from checkpoints, without any captions file: a checkpoint holds the vocabulary. */
import type { Config } from '../../config/schema.js';
import { type FolderSplit, type Loading, loadImages } from '../../data/dataset.js';
import type { FeatureTable } from '../../data/feature-table.js';
import type { EngineDescription } from '../../engine/engine.js';
import { precisionOf } from '../../engine/select.js';
import { UserError } from '../../errors.js';
import type { Named } from '../../tensor/matrix.js';
import { type CaptioningCheckpoints, captionModels, leadingCheckpoint, recordedEngine } from './caption-models.js';
import { type CaptioningOptions, type CaptionText, InputCaptioner } from './input-captioner.js';

export interface Captions {
  readonly engine: EngineDescription;
  /** One an image. */
  readonly captions: readonly string[];
  /** All captions of each image, the best first, with their words and log probabilities. */
  readonly decoded: readonly (readonly CaptionText[])[];
}

/**
 * Captions of images.
 *
 * @param inputs what the models are given of each image, a row an image; captioners need `features` (images, D), and those
 * with attention `grid` (images, L·C) with its `positions`, L
 * @throws UserError when the inputs are not those of the models, or the models do not go together
 */
export async function captionInputs(
  checkpoints: CaptioningCheckpoints,
  inputs: Named<FeatureTable>,
  options: CaptioningOptions = {},
): Promise<Captions> {
  const captioner = await InputCaptioner.open(checkpoints, inputs, options);
  try {
    const decoded = await captioner.captions(captioner.images, options.captioning);
    return { engine: captioner.engine, captions: decoded.map(([best]) => best!.text), decoded };
  } finally {
    await captioner.close();
  }
}

export interface ImageOptions extends Pick<CaptioningOptions, 'decoding' | 'onFault' | 'captioning'> {
  readonly images?: readonly number[] | { readonly first: number };
  /** Told how much of the features and grids has been read. */
  readonly loading?: Loading | undefined;
}

export interface ImageCaption {
  /** Row of the feature file. */
  readonly image: number;
  readonly url: string | null;
  /** The best of `decoded`. */
  readonly caption: string;
  readonly decoded: readonly CaptionText[];
}

/**
 * Captions of images of a split of the data.
 *
 * @param config where the features are, on which engine to compute and by which parameters: auto for those that each
 * checkpoint's own config validates
 * @param images rows of the feature file, all where none are given
 * @throws UserError when the features are missing or are not those of the models
 */
export async function captionImages(
  checkpoints: CaptioningCheckpoints,
  config: Config,
  split: FolderSplit,
  { images: wanted, loading, ...options }: ImageOptions = {},
): Promise<{ engine: EngineDescription; captions: ImageCaption[] }> {
  const leading = leadingCheckpoint(checkpoints);
  const all = captionModels(checkpoints);
  const data = { ...config.data, grid: all.some(({ model }) => model.recipe.dimensions.inputs.grid !== undefined) };
  const precision = precisionOf(recordedEngine(leading));
  const { inputs, images: rows, urls } = await loadImages(data, split, precision, mostWanted(wanted), loading);
  const { columns: found } = inputs.features!;
  for (const { model, checkpoints: some } of all) {
    const expected = model.recipe.dimensions.inputs.features;
    if (expected !== found) {
      throw new UserError(
        `${some[0]!.path} expects image features of ${expected} columns, the ${split} features ` +
          `(data.features: ${config.data.features}) have ${found}.`,
      );
    }
  }
  const images = rowsWanted(wanted, rows, split);
  const { engine, decoded } = await captionInputs(checkpoints, inputs, {
    ...options,
    images,
    engine: config.engine,
    ...(config.validate.parameters === 'auto' ? {} : { parameters: config.validate.parameters }),
    ...(config.train.workers === 'auto' ? {} : { workers: config.train.workers }),
  });
  return {
    engine,
    captions: images.map((image, i) => ({
      image,
      url: urls?.[image] ?? null,
      caption: decoded[i]![0]!.text,
      decoded: decoded[i]!,
    })),
  };
}

/** How many images, from the first on, hold all that are wanted. */
function mostWanted(images: ImageOptions['images']): number | undefined {
  if (images === undefined) return undefined;
  return 'first' in images ? images.first : images.reduce((most, image) => Math.max(most, image + 1), 1);
}

/** @throws UserError when an image is no row of the features */
function rowsWanted(images: ImageOptions['images'], rows: number, split: FolderSplit): readonly number[] {
  if (images === undefined || 'first' in images) {
    return Array.from({ length: Math.min(images?.first ?? rows, rows) }, (_, image) => image);
  }
  const stranger = images.find((image) => !Number.isInteger(image) || image < 0 || image >= rows);
  if (stranger === undefined) return images;
  throw new UserError(
    `Image ${stranger} is none of the ${rows} rows of the ${split} features, which are counted from 0.`,
  );
}
