/** Captions of photos: their features are made as those of the images that the checkpoints were trained on. */
import type { Config } from '../../config/schema.js';
import type { FeatureTable } from '../../data/feature-table.js';
import { roundToFloat16 } from '../../data/float16.js';
import { endId } from '../../data/vocabulary.js';
import type { EngineDescription } from '../../engine/engine.js';
import { UserError } from '../../errors.js';
import { type ExtractorDescription, isSameExtractor } from '../../features/description.js';
import { type Extractor, type MovedFiles, openExtractor } from '../../features/extractor.js';
import type { Photo } from '../../features/photo-files.js';
import type { Pixels } from '../../features/preprocessing.js';
import type { Named } from '../../tensor/matrix.js';
import { type CaptioningOptions, type CaptionText, captionInputs } from './caption-images.js';
import { type CaptioningCheckpoints, leadingCheckpoint, vocabularyOf } from './caption-models.js';

export interface PhotoOptions extends Pick<CaptioningOptions, 'decoding' | 'onFault'> {
  readonly moved?: MovedFiles;
  /** Whether to say where each word of the best caption looked. */
  readonly looks?: boolean;
  /** Told of the engine, once. */
  readonly started?: (engine: EngineDescription) => void;
}

/** Where each word of a photo's best caption looked. */
export interface CaptionLooks {
  /** What the extractor saw. */
  readonly pixels: Pixels;
  readonly size: Extractor['size'];
  readonly words: readonly string[];
  /** Of each word those of the grid's vectors (L), which sum to 1. */
  readonly weights: readonly Float32Array[];
}

/** Captions of one photo, the best first; or why it has none. */
export type PhotoCaption =
  | { readonly photo: string; readonly decoded: readonly CaptionText[]; readonly looks: CaptionLooks | null }
  | { readonly photo: string; readonly error: string };

/** Photos whose features are in memory at a time. */
const photosAtOnce = 256;

/**
 * Captions photos in their order. A photo that cannot be read or decoded is passed over with its error.
 *
 * @param config of the leading checkpoint: on which engine to compute and by which parameters
 * @throws UserError when the checkpoints do not say how their features were made, or it cannot be done here
 */
export async function* captionPhotos(
  checkpoints: CaptioningCheckpoints,
  config: Config,
  photos: readonly Photo[],
  options: PhotoOptions = {},
): AsyncGenerator<PhotoCaption> {
  const parameters = config.validate.parameters === 'auto' ? undefined : config.validate.parameters;
  const vocabulary = vocabularyOf(leadingCheckpoint(checkpoints));
  const extractor = await openExtractor(commonExtractor(checkpoints), options.moved);
  let isFirst = true;
  try {
    for (let at = 0; at < photos.length; at += photosAtOnce) {
      const some = photos.slice(at, at + photosAtOnce);
      const { errors, inputs, pixels } = await extractPhotos(extractor, some, config.data.gridPrecision);
      if (inputs === null) {
        for (const [i, { name }] of some.entries()) yield { photo: name, error: errors[i]! };
        continue;
      }
      const { engine, decoded } = await captionInputs(checkpoints, inputs, {
        decoding: { ...options.decoding, attention: options.looks ?? false },
        ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
        engine: config.engine,
        ...(parameters === undefined ? {} : { parameters }),
        ...(config.train.workers === 'auto' ? {} : { workers: config.train.workers }),
      });
      if (isFirst) options.started?.(engine);
      isFirst = false;
      let row = 0;
      for (const [i, { name }] of some.entries()) {
        const error = errors[i]!;
        if (error !== null) {
          yield { photo: name, error };
          continue;
        }
        const captions = decoded[row]!;
        const { words: ids, attention } = captions[0]!;
        const words = ids.filter((id) => id !== endId).map((id) => vocabulary.idxToWord[id]!);
        const weights = attention?.slice(0, words.length) ?? [];
        const looks = weights.length === 0 ? null : { pixels: pixels[row]!, size: extractor.size, words, weights };
        yield { photo: name, decoded: captions, looks };
        row++;
      }
    }
  } finally {
    await extractor.close();
  }
}

/** @throws UserError when a checkpoint does not say how its features were made, or two differ */
function commonExtractor(checkpoints: CaptioningCheckpoints): ExtractorDescription {
  const leading = leadingCheckpoint(checkpoints);
  const all = (Array.isArray(checkpoints) ? checkpoints.flat() : [checkpoints]) as (typeof leading)[];
  for (const { path, state } of all) {
    if (state.extractor === null) {
      throw new UserError(
        `${path} does not say how the features of its images were made, so photos cannot be given the same. Make the ` +
          'features of the data by recap features, and train on them.',
      );
    }
    if (!isSameExtractor(state.extractor, leading.state.extractor!)) {
      throw new UserError(
        `${path} was trained on features made in another way than those of ${leading.path}; photos are given one kind.`,
      );
    }
  }
  return leading.state.extractor!;
}

interface PhotoInputs {
  /** Of each photo, why it has no features; null where it has. */
  readonly errors: readonly (string | null)[];
  /** A row for each of the others, in their order; null where there is none. */
  readonly inputs: Named<FeatureTable> | null;
  /** Of each of the others. */
  readonly pixels: readonly Pixels[];
}

async function extractPhotos(
  extractor: Extractor,
  photos: readonly Photo[],
  gridPrecision: Config['data']['gridPrecision'],
): Promise<PhotoInputs> {
  const errors: (string | null)[] = [];
  const features: Float32Array[] = [];
  const grids: Float32Array[] = [];
  const pixels: Pixels[] = [];
  let shape = { columns: 0, grid: { positions: 0, columns: 0 } };
  for (let at = 0; at < photos.length; at += extractor.batch) {
    const images: Pixels[] = [];
    for (const found of await Promise.all(
      photos.slice(at, at + extractor.batch).map((one) => pixelsOf(extractor, one)),
    )) {
      if (typeof found !== 'string') images.push(found);
      errors.push(typeof found === 'string' ? found : null);
    }
    if (images.length === 0) continue;
    pixels.push(...images);
    const rows = await extractor.extract(images);
    features.push(rows.features.data);
    if (rows.grid) grids.push(rows.grid.data);
    shape = { columns: rows.features.columns, grid: rows.grid ?? shape.grid };
  }
  if (features.length === 0) return { errors, inputs: null, pixels };
  const rows = features.reduce((sum, each) => sum + each.length, 0) / shape.columns;
  const inputs = { features: { data: joined(features), rows, columns: shape.columns } };
  if (grids.length === 0) return { errors, inputs, pixels };
  const data = gridPrecision === 'float16' ? halved(joined(grids)) : joined(grids);
  const { positions, columns } = shape.grid;
  return { errors, pixels, inputs: { ...inputs, grid: { data, rows, columns: positions * columns, positions } } };
}

/** Or why there are none. */
async function pixelsOf(extractor: Extractor, photo: Photo): Promise<Pixels | string> {
  try {
    return await extractor.decode(photo);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** As grids of the data are rounded when they are read. */
function halved(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  const tooLarge = roundToFloat16(new Uint32Array(values.buffer), 0, halves, 0, values.length);
  if (tooLarge < 0) return halves;
  throw new UserError(
    `The network gives ${values[tooLarge]} in a grid, beyond float16. Set data.gridPrecision=float32.`,
  );
}
