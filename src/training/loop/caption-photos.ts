/** Captions of photos: their features are made as those of the images that the checkpoints were trained on. */
import type { Config } from '../../config/schema.js';
import type { FeatureTable } from '../../data/feature-table.js';
import { roundToFloat16 } from '../../data/float16.js';
import { endId, type Vocabulary } from '../../data/vocabulary.js';
import type { EngineDescription } from '../../engine/engine.js';
import { UserError } from '../../errors.js';
import { type ExtractorDescription, isSameExtractor } from '../../features/description.js';
import { type Extractor, type MovedFiles, openExtractor } from '../../features/extractor.js';
import { type Photo, photosNamed } from '../../features/photo-files.js';
import type { Pixels } from '../../features/preprocessing.js';
import type { Rows } from '../../features/tensor-rows.js';
import type { Named } from '../../tensor/matrix.js';
import {
  type CaptioningCheckpoints,
  type CaptionModel,
  captionModels,
  leadingCheckpoint,
  vocabularyOf,
} from './caption-models.js';
import { captioningConfig } from './captioning-config.js';
import { type CaptioningOptions, type CaptionText, checkInput, InputCaptioner } from './input-captioner.js';

export interface PhotoOptions extends Pick<CaptioningOptions, 'decoding' | 'onFault'> {
  readonly moved?: MovedFiles;
  /** Whether to say where each word of the best caption looked. */
  readonly looks?: boolean;
  /** Most photos whose features are in memory at a time. */
  readonly atOnce: number;
}

/** Photos whose features are in memory at a time, where nobody says otherwise. */
export const mostAtOnce = 256;

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

/**
 * Captions of photos, in their order, by what the checkpoints know of their features. One that cannot be read or decoded
 * has its error in place of captions.
 *
 * @param photos paths of files, and of folders for all photos in them
 * @throws UserError as `PhotoCaptioner.open`
 */
export async function captionPhotos(
  checkpoints: CaptioningCheckpoints,
  photos: readonly string[],
  options: Omit<PhotoOptions, 'atOnce'> = {},
): Promise<PhotoCaption[]> {
  const named = photosNamed(photos, process.stdin);
  const config = captioningConfig(leadingCheckpoint(checkpoints), [], 'photos');
  const atOnce = Math.max(1, Math.min(mostAtOnce, named.length));
  const captioner = await PhotoCaptioner.open(checkpoints, config, { ...options, atOnce });
  try {
    const captions: PhotoCaption[] = [];
    for await (const caption of captioner.captions(named)) captions.push(caption);
    return captions;
  } finally {
    await captioner.close();
  }
}

/** Extractor and models that stand ready, however often they are given photos. */
export class PhotoCaptioner {
  private constructor(
    private readonly options: PhotoOptions,
    private readonly extractor: Extractor,
    private readonly models: readonly CaptionModel[],
    /** A row for each photo under way, in shared memory. */
    private readonly inputs: Named<FeatureTable>,
    private readonly captioner: InputCaptioner,
    private readonly vocabulary: Vocabulary,
  ) {}

  /**
   * @param config on which engine to compute and by which parameters, as `captioningConfig` gives it
   * @throws UserError when the checkpoints do not say how their features were made, or it cannot be done here
   */
  static async open(
    checkpoints: CaptioningCheckpoints,
    config: Config,
    options: PhotoOptions,
  ): Promise<PhotoCaptioner> {
    const extractor = await openExtractor(commonExtractor(checkpoints), options.moved);
    try {
      const models = captionModels(checkpoints);
      const inputs = emptyInputs(models, options.atOnce, config.data.gridPrecision);
      const captioner = await InputCaptioner.open(checkpoints, inputs, {
        decoding: { ...options.decoding, attention: options.looks ?? false },
        ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
        engine: config.engine,
        ...(config.validate.parameters === 'auto' ? {} : { parameters: config.validate.parameters }),
        ...(config.train.workers === 'auto' ? {} : { workers: config.train.workers }),
      });
      return new PhotoCaptioner(
        options,
        extractor,
        models,
        inputs,
        captioner,
        vocabularyOf(leadingCheckpoint(checkpoints)),
      );
    } catch (error) {
      await extractor.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.captioner.close(), this.extractor.close()]);
  }

  get engine(): EngineDescription {
    return this.captioner.engine;
  }

  /**
   * Captions photos in their order. One that cannot be read or decoded is passed over with its error. Samples go by a
   * photo's place among all of them, broken ones too, however many are captioned at once.
   */
  async *captions(photos: readonly Photo[]): AsyncGenerator<PhotoCaption> {
    const { atOnce } = this.options;
    for (let at = 0; at < photos.length; at += atOnce) {
      yield* await this.captionsAtOnce(photos.slice(at, at + atOnce), at);
    }
  }

  /**
   * One call at a time.
   *
   * @param first place of the first of them among all
   */
  private async captionsAtOnce(photos: readonly Photo[], first: number): Promise<PhotoCaption[]> {
    const found = await this.extract(photos);
    const decoded = await this.captioner.captions(seenOf(found), undefined, first);
    let seen = 0;
    return found.map((each, i) => {
      const photo = photos[i]!.name;
      if (typeof each === 'string') return { photo, error: each };
      const captions = decoded[seen++]!;
      return { photo, decoded: captions, looks: this.looksOf(captions[0]!, each) };
    });
  }

  private looksOf({ words: ids, attention }: CaptionText, pixels: Pixels): CaptionLooks | null {
    const words = ids.filter((id) => id !== endId).map((id) => this.vocabulary.idxToWord[id]!);
    const weights = attention?.slice(0, words.length) ?? [];
    return weights.length === 0 ? null : { pixels, size: this.extractor.size, words, weights };
  }

  /**
   * Writes the features of each photo into its row of the inputs.
   *
   * @returns what the extractor saw of each photo, or why it has no features
   */
  private async extract(photos: readonly Photo[]): Promise<(Pixels | string)[]> {
    const { extractor } = this;
    const found: (Pixels | string)[] = [];
    for (let at = 0; at < photos.length; at += extractor.batch) {
      const some = photos.slice(at, at + extractor.batch);
      const pixels = await Promise.all(some.map((photo) => pixelsOf(extractor, photo)));
      found.push(...pixels);
      const images = pixels.filter((each) => typeof each !== 'string');
      if (images.length === 0) continue;
      const rows = seenOf(pixels).map((i) => at + i);
      const { features, grid } = await extractor.extract(images);
      this.write('features', features, rows, { columns: features.columns });
      if (this.inputs.grid) {
        const { positions, columns } = grid ?? { positions: 0, columns: 0 };
        this.write('grid', grid, rows, { positions, columns: positions * columns });
      }
    }
    return found;
  }

  /** @param rows of the inputs, one for each row that is given */
  private write(
    name: string,
    given: Rows | null,
    rows: readonly number[],
    shape: Pick<FeatureTable, 'columns' | 'positions'>,
  ): void {
    for (const member of this.models) {
      if (member.model.recipe.dimensions.inputs[name] === undefined) continue;
      checkInput(member, name, given === null ? undefined : shape);
    }
    const { data, columns } = this.inputs[name]!;
    rows.forEach((row, i) => {
      const values = given!.data.subarray(i * columns, (i + 1) * columns);
      if (data instanceof Uint16Array) writeHalves(values, data, row * columns);
      else data.set(values, row * columns);
    });
  }
}

function emptyInputs(
  models: readonly CaptionModel[],
  rows: number,
  gridPrecision: Config['data']['gridPrecision'],
): Named<FeatureTable> {
  const tables = models.flatMap(({ model: { recipe } }) => {
    const { inputs, positions } = recipe.dimensions;
    return Object.entries(inputs).map(([name, columns]): [string, FeatureTable] => {
      const isHalf = positions?.[name] !== undefined && gridPrecision === 'float16';
      const memory = new SharedArrayBuffer(rows * columns * (isHalf ? 2 : 4));
      const data = isHalf ? new Uint16Array(memory) : new Float32Array(memory);
      const table = { data, rows, columns };
      return [name, positions?.[name] === undefined ? table : { ...table, positions: positions[name] }];
    });
  });
  return Object.fromEntries(tables);
}

/**
 * What made the features that the checkpoints were trained on.
 *
 * @throws UserError when a checkpoint does not say how its features were made, or two differ
 */
export function commonExtractor(checkpoints: CaptioningCheckpoints): ExtractorDescription {
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

/** Places of the photos that could be decoded. */
function seenOf(found: readonly (Pixels | string)[]): number[] {
  return found.flatMap((each, i) => (typeof each === 'string' ? [] : [i]));
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

/** As grids of the data are rounded when they are read. */
function writeHalves(values: Float32Array, target: Uint16Array, to: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const tooLarge = roundToFloat16(bits, 0, target, to, values.length);
  if (tooLarge < 0) return;
  throw new UserError(
    `The network gives ${values[tooLarge]} in a grid, beyond float16. Set data.gridPrecision=float32.`,
  );
}
