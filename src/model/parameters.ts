/**
 * The captioner's parameters under their CS231n names and shapes, and where each lies in one flat array.
 *
 * Dimensions: D image feature, W word vector, H hidden state, V vocabulary, G = H for an RNN, 4H for an LSTM
 * (gates in the order i, f, o, g).
 */

export type Cell = 'rnn' | 'lstm';

/** What fixes every shape of a captioner. */
export interface ModelShape {
  readonly cell: Cell;
  /** D: columns of an image feature. */
  readonly featureDim: number;
  /** W: columns of a word vector. */
  readonly wordDim: number;
  /** H: columns of the hidden state. */
  readonly hiddenDim: number;
  /** V: words (or characters) in the vocabulary. */
  readonly vocabSize: number;
  /** T: time steps, one fewer than the columns of a caption row. */
  readonly steps: number;
}

export const parameterNames = ['W_proj', 'b_proj', 'W_embed', 'Wx', 'Wh', 'b', 'W_vocab', 'b_vocab'] as const;
export type ParameterName = (typeof parameterNames)[number];
export type Parameters<T> = Readonly<Record<ParameterName, T>>;

/** G: columns of a time step's pre-activation. */
export function gateColumns(shape: Pick<ModelShape, 'cell' | 'hiddenDim'>): number {
  return shape.cell === 'lstm' ? 4 * shape.hiddenDim : shape.hiddenDim;
}

export function parameterShapes(shape: ModelShape): Record<ParameterName, readonly number[]> {
  const { featureDim: D, wordDim: W, hiddenDim: H, vocabSize: V } = shape;
  const G = gateColumns(shape);
  return {
    W_proj: [D, H],
    b_proj: [H],
    W_embed: [V, W],
    Wx: [W, G],
    Wh: [H, G],
    b: [G],
    W_vocab: [H, V],
    b_vocab: [V],
  };
}

/** How many numbers a captioner has: D·H + H + V·W + W·G + H·G + G + H·V + V. */
export function parameterCount(shape: ModelShape): number {
  return Object.values(parameterShapes(shape)).reduce((sum, dims) => sum + product(dims), 0);
}

export interface ParameterPlace {
  readonly name: ParameterName;
  readonly shape: readonly number[];
  /** First element in the flat array. */
  readonly offset: number;
  /** Elements. */
  readonly size: number;
}

export interface ParameterLayout {
  readonly places: readonly ParameterPlace[];
  /** Elements of the flat array, gaps included. */
  readonly length: number;
}

/** Elements between which parameters start, so that each starts on a cache line of 64 bytes in float32 and float64. */
const alignment = 16;

/** Places every parameter in one flat array. Gaps between parameters hold zeros and stay zero. */
export function parameterLayout(shape: ModelShape): ParameterLayout {
  const shapes = parameterShapes(shape);
  const places: ParameterPlace[] = [];
  let offset = 0;
  for (const name of parameterNames) {
    const size = product(shapes[name]);
    places.push({ name, shape: shapes[name], offset, size });
    offset += Math.ceil(size / alignment) * alignment;
  }
  return { places, length: offset };
}

/** The named views into a flat array laid out by `layout`. */
export function parameterViews<A extends Float32Array | Float64Array>(flat: A, layout: ParameterLayout): Parameters<A> {
  const views: Partial<Record<ParameterName, A>> = {};
  for (const { name, offset, size } of layout.places) views[name] = flat.subarray(offset, offset + size) as A;
  return views as Record<ParameterName, A>;
}

function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}
