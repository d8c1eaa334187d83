/**
 * What a model is to everyone but itself: named tensors and programs. Engines, memory, training, checkpoints and the
 * gradient check loop over it and know none of its names.
 */
import type { TensorSpec } from './layout.js';
import type { Named, Shape } from './matrix.js';
import type { Ops } from './ops.js';

/**
 * How a parameter begins: standard normal numbers times `normal`; zeros; `blocks` of equal width, as many as there are
 * numbers, each filled with its number; or the word vectors of a file, a row a word, in which rows of other words are
 * normal numbers of the same spread; or a statistic of each column of an input, by its name, over the training images.
 */
export type Initial =
  | { readonly normal: number }
  | 'zeros'
  | { readonly blocks: readonly number[] }
  | 'wordVectors'
  | { readonly statistic: 'mean' | 'inverseDeviation'; readonly of: string };

/** What a parameter is to weight decay, which spares biases and embeddings unless it is told otherwise. */
export type ParameterRole = 'weight' | 'bias' | 'embedding';

export interface ParameterSpec extends TensorSpec {
  readonly init: Initial;
  readonly role: ParameterRole;
}

export interface ProgramOutputs<T> {
  /** (1,1) */
  readonly loss?: T;
  /** Of trained parameters; one that is missing has gradient zero. */
  readonly gradients?: Named<T>;
  readonly tensors?: Named<T>;
}

/** A function of tensor handles to tensor handles, made of operations alone. */
export type Program = <T extends Shape>(ops: Ops<T>, parameters: Named<T>, inputs: Named<T>) => ProgramOutputs<T>;

export interface ProgramSpec {
  /** Columns of each tensor that the program is given beside the parameters; all have a row for each row of the plan. */
  readonly inputs: Named<number>;
  /** Whether it returns gradients, so that a run fills the shard's slot. */
  readonly hasGradients: boolean;
  readonly run: Program;
}

/** T is at most this, far above any caption, so that no file makes training or decoding go on for ever. */
export const mostSteps = 4096;

/** The data's side of a model's shape. */
export interface Dimensions {
  /** Columns of each table that has a row for each image, by the input's name. */
  readonly inputs: Named<number>;
  /** Vectors that a row of such a table holds one behind the other, for those that hold more than one: L of `grid`. */
  readonly positions?: Named<number> | undefined;
  /** V: words (or characters) in the vocabulary. */
  readonly vocabSize: number;
  /** T: time steps, one fewer than the columns of a caption row; at most `mostSteps`. */
  readonly steps: number;
}

export interface ModelSpec {
  /** For people: "LSTM, W = 256, H = 512". */
  readonly title: string;
  readonly dimensions: Dimensions;
  readonly parameters: readonly ParameterSpec[];
  /**
   * What the programs compute of the same parameters in more than one way, by the config's key: parameters that were trained
   * with another value of it are no beginning for this model. None where names and shapes tell all.
   */
  readonly wiring?: Named<string | number | boolean>;
  readonly programs: {
    /** Inputs and a plan with targets → summed loss and the gradient of every trained parameter. */
    readonly gradients: ProgramSpec;
    /** Inputs and a plan with targets → summed loss. */
    readonly loss: ProgramSpec;
    /** Inputs → what `step` takes, as named tensors: the state before the first word, and what stays as it is. */
    readonly start: ProgramSpec;
    /**
     * What `start` or the step before gave and a plan of one step → the next state, the scores of every next word, `scores`
     * (n,V), by how much they exceed the words' log probabilities, `logSums` (n,1), and whatever else is to be seen of the
     * step.
     */
    readonly step: ProgramSpec;
  };
}

/** The programs of a model that are to be run. */
export interface RunnableSpec {
  readonly dimensions: Pick<Dimensions, 'steps'>;
  readonly programs: Named<ProgramSpec>;
}

/** How many numbers a model has. */
export function parameterCount({ parameters }: Pick<ModelSpec, 'parameters'>): number {
  return parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/**
 * A parameter that is trained and read whole, unless `more` says otherwise. A vector is a bias, a table that is read by
 * rows is an embedding, and anything else is a weight.
 */
export function parameter(
  name: string,
  shape: readonly number[],
  init: Initial,
  more: Partial<Pick<ParameterSpec, 'trained' | 'sparseRows' | 'role'>> = {},
): ParameterSpec {
  const role = shape.length === 1 ? 'bias' : more.sparseRows ? 'embedding' : 'weight';
  return { name, shape, init, trained: true, sparseRows: false, role, ...more };
}
