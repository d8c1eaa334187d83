/** What gives images their features: pixels in, rows out. */
import { existsSync } from 'node:fs';
import { UserError } from '../errors.js';
import { usableThreads } from '../files/container-limits.js';
import { builtInRows, builtInSize, builtInVersion } from './built-in.js';
import { readComponents } from './components-file.js';
import { decodePhoto, loadDecoder } from './decoding.js';
import type { ExtractorDescription, NetworkDescription } from './description.js';
import { checkTensor, Network, type NetworkFile, readNetwork } from './network.js';
import { inputOf } from './network-input.js';
import { type Components, project } from './pca.js';
import type { Photo } from './photo-files.js';
import type { Pixels } from './preprocessing.js';
import { imageInput, type PreprocessingWanted, wantedPreprocessing } from './preprocessing-wanted.js';
import { featuresOf, gridOf, type Rows } from './tensor-rows.js';
import type { View } from './views.js';

export interface ImageRows {
  /** (n, D) */
  readonly features: Rows;
  /** (n, L, C) */
  readonly grid: Rows | null;
}

export interface Extractor {
  readonly description: ExtractorDescription;
  /** Of the images that it takes. */
  readonly size: { readonly height: number; readonly width: number };
  /** Images that are best given at once, and how many such batches at the same time. */
  readonly batch: number;
  readonly lanes: number;
  /** @throws UserError saying why the photo cannot be decoded */
  decode(photo: Photo, view?: View): Promise<Pixels>;
  extract(images: readonly Pixels[]): Promise<ImageRows>;
  close(): Promise<void>;
}

export interface NetworkWanted extends PreprocessingWanted {
  /** Names of tensors: inputs and what gives features and grids. */
  readonly input?: string;
  readonly pooled?: string;
  readonly grid?: string;
}

/**
 * Describes the features of a network.
 *
 * @throws UserError when the file is none, or what is wanted does not go with it
 */
export function describeNetwork(
  path: string,
  wanted: NetworkWanted,
): { file: NetworkFile; description: NetworkDescription } {
  const file = readNetwork(path);
  const input = imageInput(path, file.graph, wanted.input);
  const pooled = wanted.pooled ?? onlyOutput(file);
  checkTensor(file, '--pooled', pooled);
  if (wanted.grid !== undefined) checkTensor(file, '--grid', wanted.grid);
  const description: NetworkDescription = {
    kind: 'onnx',
    network: { path, sha256: file.sha256 },
    input: input.name,
    pooled,
    grid: wanted.grid ?? null,
    pca: null,
    preprocessing: wantedPreprocessing(path, input, wanted),
  };
  return { file, description };
}

function onlyOutput({ path, graph }: NetworkFile): string {
  const [output, ...others] = graph.outputs;
  if (output !== undefined && others.length === 0) return output;
  throw new UserError(
    `${path} has the outputs ${graph.outputs.join(', ')}. Say by --pooled which one the features are.`,
  );
}

/** Where files are that are not where they were. */
export interface MovedFiles {
  readonly network?: string;
  readonly pca?: string;
}

/**
 * The extractor that a description is of.
 *
 * @throws UserError when a file is another one, or cannot be used here
 */
export async function openExtractor(description: ExtractorDescription, moved: MovedFiles = {}): Promise<Extractor> {
  const network = recordedNetwork(description, moved);
  const components = recordedComponents(description, moved);
  const extractor =
    description.kind === 'builtin' ? await openBuiltIn(description.version) : await openNetwork(network!, description);
  if (components === null) return extractor;
  return {
    ...extractor,
    description,
    async extract(images) {
      const { features, grid } = await extractor.extract(images);
      const data = project(features.data, features.columns, components);
      return { features: { data, positions: 1, columns: components.count }, grid };
    },
  };
}

/**
 * The network that a description is of; null of the built-in extractor, which has none.
 *
 * @throws UserError when it is not there, or another one
 */
export function recordedNetwork(description: ExtractorDescription, { network }: MovedFiles): NetworkFile | null {
  if (description.kind === 'builtin') {
    if (network !== undefined) throw new UserError('--network: the features were made by the built-in extractor.');
    return null;
  }
  const { path: recorded, sha256 } = description.network;
  const path = network ?? recorded;
  if (network === undefined && !existsSync(recorded)) {
    throw new UserError(
      `${recorded}, the network that made the features, is not there. Where it has moved: --network FILE.`,
    );
  }
  const file = readNetwork(path);
  if (file.sha256 === sha256) return file;
  throw new UserError(
    `${path} is not the network that made the features: its SHA-256 is ${file.sha256}, that of ${recorded} was ` +
      `${sha256}. Name the file by --network.`,
  );
}

/**
 * The principal components that the features of a description were projected to; null where they were not.
 *
 * @throws UserError when they are not there, or others
 */
export function recordedComponents({ pca }: ExtractorDescription, moved: MovedFiles): Components | null {
  if (pca !== null) return readComponents({ ...pca, path: moved.pca ?? pca.path });
  if (moved.pca === undefined) return null;
  throw new UserError('--pca: the features were not projected to principal components.');
}

const imagesAtOnce = 8;

/** @throws UserError when a package is missing, or the network cannot be loaded */
export async function openNetwork(file: NetworkFile, description: NetworkDescription): Promise<Extractor> {
  await loadDecoder();
  const { preprocessing, pooled, grid, input } = description;
  const { height, width, layout } = preprocessing;
  const tensors = [pooled, ...(grid === null ? [] : [grid])];
  // While one batch is decoded another one is computed; two are never computed at once, since onnxruntime-node runs on
  // the thread that calls it.
  const lanes = Math.min(2, usableThreads());
  const network = await Network.open(file, tensors, usableThreads());
  const fixed = fixedBatch(file, input);
  return {
    description,
    size: { height, width },
    batch: fixed ?? imagesAtOnce,
    lanes,
    decode: (photo, view) => decodePhoto(photo, preprocessing, view),
    async extract(images) {
      const rest = fixed === null ? 0 : fixed - images.length;
      const padded = rest > 0 ? [...images, ...Array<Pixels>(rest).fill(images[0]!)] : images;
      const size = layout === 'nchw' ? [3, height, width] : [height, width, 3];
      const data = inputOf(padded, preprocessing);
      const [pooledTensor, gridTensor] = await network.run(
        { name: input, dims: [padded.length, ...size], data },
        tensors,
      );
      return {
        features: firstRows(featuresOf(pooledTensor!, layout), images.length),
        grid: gridTensor ? firstRows(gridOf(gridTensor, layout), images.length) : null,
      };
    },
    close: () => network.close(),
  };
}

/** Images that a network takes at once; null for any number. */
export function fixedBatch({ graph }: NetworkFile, input: string): number | null {
  return graph.inputs.find(({ name }) => name === input)?.shape[0] ?? null;
}

/** @throws UserError when sharp is missing, or another version is built in */
export async function openBuiltIn(version = builtInVersion): Promise<Extractor> {
  checkBuiltIn(version);
  await loadDecoder();
  return {
    description: { kind: 'builtin', version, pca: null },
    size: { height: builtInSize.height, width: builtInSize.width },
    batch: imagesAtOnce,
    lanes: 1,
    decode: (photo, view) => decodePhoto(photo, builtInSize, view),
    extract: async (images) => builtInRows(images),
    close: async () => {},
  };
}

/** @throws UserError when another version is built in */
export function checkBuiltIn(version: number): void {
  if (version === builtInVersion) return;
  throw new UserError(
    `The features were made by version ${version} of the built-in extractor; this recap has version ${builtInVersion}. ` +
      'Make them again by recap features, and train on them.',
  );
}

function firstRows(rows: Rows, images: number): Rows {
  const data = rows.data.subarray(0, images * rows.positions * rows.columns);
  if (!data.every(Number.isFinite)) {
    throw new UserError(
      'The network gives numbers that are not finite. Is the preprocessing the one it was trained with?',
    );
  }
  if (data.length === images * rows.positions * rows.columns) return { ...rows, data };
  throw new UserError('The network gives fewer rows than it is given images; its first dimension is no batch.');
}
