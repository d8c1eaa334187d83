/** Captions of images from checkpoints, without any captions file: a checkpoint holds the vocabulary. */
import type { Config } from '../../config/schema.js';
import { type CaptionSplit, type FolderSplit, loadImages } from '../../data/dataset.js';
import { type FeatureTable, sharedTable } from '../../data/feature-table.js';
import { unwrittenIds } from '../../data/vocabulary.js';
import type { EngineDescription, ParameterValues } from '../../engine/engine.js';
import type { EngineWanted } from '../../engine/engine-wanted.js';
import { chooseEngine, type EngineChoice, precisionOf } from '../../engine/select.js';
import { UserError } from '../../errors.js';
import { usableThreads } from '../../files/container-limits.js';
import { type DecodedCaption, type DecodingOptions, decodingOf, hypothesesOf } from '../../model/decoding/decoding.js';
import type { ModelFamily } from '../../model/family.js';
import type { Named } from '../../tensor/matrix.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { Coordinator } from '../parallel/coordinator.js';
import {
  type CaptioningCheckpoints,
  type CaptionModel,
  captionModels,
  leadingCheckpoint,
  restoreMean,
  vocabularyOf,
} from './caption-models.js';

export interface CaptioningOptions {
  /** The engine of the checkpoint's run by default. */
  readonly engine?: EngineWanted;
  /** Threads; one a core by default. */
  readonly workers?: number;
  /** By default those that the checkpoint's config validates. */
  readonly parameters?: ParameterValues;
  /** What makes the model, for checkpoints of a family of one's own. */
  readonly family?: ModelFamily;
  /** Rows of the inputs, all by default. */
  readonly images?: readonly number[];
  /** How captions are searched for: by the likeliest word at each step, without `<UNK>`, by default. */
  readonly decoding?: DecodingOptions;
  /** Told of every failure of a worker that was mended. */
  readonly onFault?: (message: string) => void;
  /** Told whenever more images are captioned. */
  readonly captioning?: (done: number, of: number) => void;
}

export interface Captions {
  readonly engine: EngineDescription;
  /** One an image. */
  readonly captions: readonly string[];
  /** All captions of each image, the best first, with their words and log probabilities. */
  readonly decoded: readonly (readonly CaptionText[])[];
}

export interface CaptionText extends DecodedCaption {
  readonly text: string;
}

/** Most rows of a step of one worker; more would make matrix products no faster. */
const mostRows = 256;
/** With grids fewer, since a worker holds what each row looks at several times: most numbers of all rows, 8 MB. */
const mostNumbers = 2 ** 21;
/** Fewer would make products slower than memory is worth. */
const leastRows = 32;

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
  const leading = leadingCheckpoint(checkpoints);
  const members = captionModels(checkpoints, options.family);
  const [{ model }, ...others] = members as [CaptionModel, ...CaptionModel[]];
  const { dimensions } = model.recipe;
  const decoding = decodingOf(options.decoding ?? {}, unwrittenIds);
  if (decoding.minLength >= dimensions.steps) {
    throw new UserError(
      `min-length: ${decoding.minLength}, but captions by ${leading.path} end after ${dimensions.steps - 1} words at most.`,
    );
  }
  if (decoding.attention && members.every((member) => member.model.recipe.dimensions.positions === undefined)) {
    throw new UserError(`attention: ${leading.path} is of a model that looks at no grid (model.attention: none).`);
  }
  const tables = Object.assign({}, ...members.map((member) => tablesOf(member, inputs))) as Named<FeatureTable>;
  const vocabulary = vocabularyOf(leading);
  const wanted = options.engine ?? { name: 'auto' };
  const { choice, description } = await chooseEngine(wanted, recordedEngine(leading));
  const rows = Object.values(tables)[0]?.rows ?? 0;
  const images = options.images ?? Array.from({ length: rows }, (_, image) => image);
  const hypotheses = images.length * hypothesesOf(decoding);
  const shards = Math.max(1, Math.min(options.workers ?? usableThreads(), images.length));
  const split = withoutCaptions(tables, dimensions.steps + 1);
  const coordinator = new Coordinator({
    engine: choice,
    model,
    ensemble: others.map((other) => other.model),
    dataset: { train: split, val: split },
    updates: null,
    batchSize: shards * Math.max(1, Math.min(rowsAtOnce(tables), Math.ceil(hypotheses / shards))),
    workers: shards,
    shards,
    taskSeconds: 300,
    onFault: options.onFault ?? (() => {}),
  });
  try {
    [coordinator.memory, ...coordinator.ensemble].forEach((memory, i) => {
      restoreMean(memory, members[i]!.checkpoints, options.parameters);
    });
    const found = await coordinator.captions('val', images, decoding, 'live', options.captioning);
    const decoded = found.map((captions) =>
      captions.map((caption) => ({ ...caption, text: vocabulary.decode(caption.words) })),
    );
    return { engine: description, captions: decoded.map(([best]) => best!.text), decoded };
  } finally {
    await coordinator.close();
  }
}

function rowsAtOnce(tables: Named<FeatureTable>): number {
  const columns = Object.values(tables).reduce((sum, table) => sum + table.columns, 0);
  return Math.max(leastRows, Math.min(mostRows, Math.floor(mostNumbers / columns)));
}

export interface ImageOptions extends Pick<CaptioningOptions, 'decoding' | 'onFault' | 'captioning'> {
  readonly images?: readonly number[] | { readonly first: number };
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
 * @param config where the features are, on which engine to compute and by which parameters
 * @param images rows of the feature file, all where none are given
 * @throws UserError when the features are missing or are not those of the models
 */
export async function captionImages(
  checkpoints: CaptioningCheckpoints,
  config: Config,
  split: FolderSplit,
  { images: wanted, ...options }: ImageOptions = {},
): Promise<{ engine: EngineDescription; captions: ImageCaption[] }> {
  const leading = leadingCheckpoint(checkpoints);
  const all = captionModels(checkpoints);
  const data = { ...config.data, grid: all.some(({ model }) => model.recipe.dimensions.inputs.grid !== undefined) };
  const precision = precisionOf(recordedEngine(leading));
  const { inputs, images: rows, urls } = await loadImages(data, split, precision, mostWanted(wanted));
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

function recordedEngine({ state }: Checkpoint): EngineChoice {
  return state.engineChoice as EngineChoice;
}

/** @throws UserError naming the input that is missing or has another shape than the model's */
function tablesOf({ model, checkpoints }: CaptionModel, inputs: Named<FeatureTable>): Named<FeatureTable> {
  const { inputs: wanted, positions } = model.recipe.dimensions;
  const [checkpoint] = checkpoints as [Checkpoint, ...Checkpoint[]];
  const tables = Object.entries(wanted).map(([name, columns]) => {
    const table = inputs[name];
    if (!table)
      throw new UserError(`${checkpoint.path} needs the input ${name} of ${columns} columns, which is missing.`);
    if (table.columns !== columns) {
      throw new UserError(
        `${checkpoint.path} expects image ${name} of ${columns} columns, those given have ${table.columns}.`,
      );
    }
    if (table.positions !== positions?.[name]) {
      throw new UserError(
        `${checkpoint.path} expects image ${name} of ${positions?.[name]} vectors each, those given have ${table.positions}.`,
      );
    }
    return [name, sharedTable(table)];
  });
  return Object.fromEntries(tables);
}

function withoutCaptions(inputs: Named<FeatureTable>, columns: number): CaptionSplit {
  const none = () => new Int32Array(new SharedArrayBuffer(0));
  return { name: 'val', captions: none(), imageIdxs: none(), count: 0, columns, inputs, urls: null };
}
