/**
 * A recurrent cell: what one time step computes from its input and the state before, and the way back. The layer around
 * it (layers/recurrent.ts) does the input product x·Wx + b for all time steps at once, walks through time, and turns
 * what the steps noted into one gradient a parameter.
 */
import type { ProductGradient, RowGradient } from '../../tensor/differentiate.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import type { ParameterSpec } from '../../tensor/model-spec.js';
import type { Ops } from '../../tensor/ops.js';

/** Tensors (live(t),H) by name; `h` is what the layer puts out. */
export type State<T> = Named<T>;

export interface CellGradients<T> {
  /** Of the step's rows of the input product (live(t),G). */
  readonly dx: T;
  /** Of the state before (live(t),H each). */
  readonly dprev: State<T>;
  /** Gradients of the cell's own parameters, the same ones in the same order at each step. */
  readonly products: readonly ProductGradient<T>[];
  readonly rows: readonly RowGradient<T>[];
}

export interface CellStep<T> {
  readonly state: State<T>;
  /**
   * @param dy gradient from above of this step's h (live(t),H)
   * @param dnext gradients that step t+1 gave for this step's state; they have live(t+1) rows and count as zero for the
   * others. Null at the last step.
   */
  backward(dy: T, dnext: State<T> | null): CellGradients<T>;
}

export interface Cell {
  readonly name: string;
  /** G / H: blocks of H columns in Wx and b. */
  readonly gates: number;
  /** Which of these blocks is the forget gate, from 0; undefined for a cell that has none. */
  readonly forgetGate?: number;
  /** Names of the state's tensors, `h` among them. */
  readonly state: readonly string[];
  /** The cell's parameters beside Wx and b. */
  parameters(hiddenDim: number): readonly ParameterSpec[];
  /** One time step. x (live(t),G) is the step's rows of x·Wx + b, maybe a view; `previous` has live(t) rows. */
  step<T extends Shape>(ops: Ops<T>, parameters: Named<T>, x: T, previous: State<T>): CellStep<T>;
}
