/** From the tensors of a network to rows of features and of grids. */
import { UserError } from '../errors.js';
import type { Preprocessing } from './preprocessing.js';

export interface NetworkTensor {
  readonly name: string;
  /** The batch first. */
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Rows of L vectors of C numbers; features are rows of one vector. */
export interface Rows {
  readonly data: Float32Array;
  readonly positions: number;
  readonly columns: number;
}

/** The vectors of a tensor's images: all in one, some of its tokens, or the cells of its map. */
export type Vectors =
  | { readonly kind: 'row' | 'cells' }
  | { readonly kind: 'tokens'; readonly first: number; readonly positions: number };

/**
 * Which vectors the features are the mean of: (n, D) as it is; a map of (n, C, H, W) by all its positions; tokens (n, L, C)
 * by the class token where there is one, else by all.
 *
 * @throws UserError when the tensor is nothing like that
 */
export function featureVectors({ name, dims }: Pick<NetworkTensor, 'name' | 'dims'>): Vectors {
  if (dims.length === 2) return { kind: 'row' };
  if (dims.length === 3) return { kind: 'tokens', first: 0, positions: hasClassToken(dims[1]!) ? 1 : dims[1]! };
  if (dims.length === 4) return { kind: 'cells' };
  throw new UserError(
    `${name} has shape (${dims.join(', ')}), where pooled features (n, D) are expected. Name another.`,
  );
}

/**
 * (n, L, C): the cells of a map, row by row, or the tokens of a transformer without its class token.
 *
 * @throws UserError when the tensor is nothing like that
 */
export function gridVectors({ name, dims }: Pick<NetworkTensor, 'name' | 'dims'>): Vectors {
  if (dims.length === 4) return { kind: 'cells' };
  if (dims.length === 3) {
    const first = hasClassToken(dims[1]!) ? 1 : 0;
    return { kind: 'tokens', first, positions: dims[1]! - first };
  }
  throw new UserError(
    `${name} has shape (${dims.join(', ')}), where a grid is expected: (n, C, H, W), (n, H, W, C) or (n, L, C). Name ` +
      'the tensor before the pooling.',
  );
}

/** @throws UserError as `featureVectors` */
export function featuresOf(tensor: NetworkTensor, layout: Preprocessing['layout']): Rows {
  return meanOf(vectorsOf(tensor, featureVectors(tensor), layout));
}

/** @throws UserError as `gridVectors` */
export function gridOf(tensor: NetworkTensor, layout: Preprocessing['layout']): Rows {
  return vectorsOf(tensor, gridVectors(tensor), layout);
}

function vectorsOf(tensor: NetworkTensor, vectors: Vectors, layout: Preprocessing['layout']): Rows {
  switch (vectors.kind) {
    case 'row':
      return { data: tensor.data, positions: 1, columns: tensor.dims[1]! };
    case 'tokens':
      return tokens(tensor, vectors.first, vectors.positions);
    case 'cells':
      return cells(tensor, layout);
  }
}

/** Patches make a square; with one more in front, that one stands for the image. */
function hasClassToken(length: number): boolean {
  return length > 1 && !Number.isInteger(Math.sqrt(length)) && Number.isInteger(Math.sqrt(length - 1));
}

function tokens({ dims, data }: NetworkTensor, first: number, positions: number): Rows {
  const [images, length, columns] = dims as [number, number, number];
  if (first === 0 && positions === length) return { data, positions, columns };
  const kept = new Float32Array(images * positions * columns);
  for (let image = 0; image < images; image++) {
    const from = (image * length + first) * columns;
    kept.set(data.subarray(from, from + positions * columns), image * positions * columns);
  }
  return { data: kept, positions, columns };
}

function cells({ dims, data }: NetworkTensor, layout: Preprocessing['layout']): Rows {
  if (layout === 'nhwc') return { data, positions: dims[1]! * dims[2]!, columns: dims[3]! };
  const [images, columns] = dims as [number, number];
  const positions = dims[2]! * dims[3]!;
  const turned = new Float32Array(data.length);
  for (let image = 0; image < images; image++) {
    const start = image * positions * columns;
    for (let column = 0; column < columns; column++) {
      for (let position = 0; position < positions; position++) {
        turned[start + position * columns + column] = data[start + column * positions + position]!;
      }
    }
  }
  return { data: turned, positions, columns };
}

function meanOf(rows: Rows): Rows {
  const { data, positions, columns } = rows;
  if (positions === 1) return rows;
  const images = data.length / (positions * columns);
  const means = new Float32Array(images * columns);
  for (let image = 0; image < images; image++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let p = 0; p < positions; p++) sum += data[(image * positions + p) * columns + column]!;
      means[image * columns + column] = sum / positions;
    }
  }
  return { data: means, positions: 1, columns };
}
