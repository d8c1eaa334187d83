/** Where each named tensor of a model lies in one flat array. */
import type { NumberArray, Shape } from './matrix.js';

export interface TensorSpec {
  readonly name: string;
  /** One dimension for a vector, two for a matrix. */
  readonly shape: readonly number[];
  /** Whether training changes it: only then it has a gradient and a place in the optimiser's arrays. */
  readonly trained: boolean;
  /**
   * The rows of this table are read by word, and by nothing else, so that a minibatch's gradient has few rows that are
   * not zero.
   */
  readonly sparseRows: boolean;
}

/** A vector is a matrix of one row. */
export interface TensorPlace extends TensorSpec, Shape {
  /** Elements from the start of the flat array. */
  readonly offset: number;
  /** Elements. */
  readonly size: number;
}

export interface Layout {
  /** The trained ones first, otherwise in the order they were given. */
  readonly places: readonly TensorPlace[];
  /** Elements of the flat array, gaps included. */
  readonly length: number;
  /** Elements up to the end of the trained ones: the length of a gradient and of each of an optimiser's arrays. */
  readonly trainedLength: number;
}

/** Elements between which tensors start, so that each starts on a cache line of 64 bytes in float32 and float64. */
const alignment = 16;

/** Places every tensor. Gaps between them hold zeros and stay zero. */
export function layoutOf(tensors: readonly TensorSpec[]): Layout {
  const places: TensorPlace[] = [];
  let offset = 0;
  let trainedLength = 0;
  for (const trained of [true, false]) {
    for (const tensor of tensors.filter((each) => each.trained === trained)) {
      const { name, shape, sparseRows } = tensor;
      const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
      const size = rows * columns;
      places.push({ name, shape, trained, sparseRows, rows, columns, offset, size });
      offset += Math.ceil(size / alignment) * alignment;
    }
    if (trained) trainedLength = offset;
  }
  return { places, length: offset, trainedLength };
}

export function trainedPlaces(layout: Layout): readonly TensorPlace[] {
  return layout.places.filter(({ trained }) => trained);
}

/** The named views into a flat array laid out by `layout`; those that would lie beyond its end are left out. */
export function namedViews<A extends NumberArray>(flat: A, layout: Layout): Record<string, A> {
  const views: Record<string, A> = {};
  for (const { name, offset, size } of layout.places) {
    if (offset + size <= flat.length) views[name] = flat.subarray(offset, offset + size) as A;
  }
  return views;
}
