/**
 * Element-wise arithmetic as a straight-line program over vectors of float32, whatever their width and whoever generates
 * code from it. Each lane is computed by itself, so that the width of a vector changes no bit.
 *
 * The operations are those of WebAssembly SIMD that the kernels in wasm/ are made of, in the relaxed build: a
 * multiply-add is fused. Which NaN comes out of several is left open.
 */

/** A matrix that a program works on row by row, some vectors of a row at a time. */
export interface RowOperand {
  readonly name: string;
  /** Parts of a row, of as many columns each as the program has lanes: four for the gates of an LSTM. */
  readonly sections: number;
  /** Its rows are found through an index. */
  readonly gathered?: boolean;
}

/** What an operation takes: the result of an earlier step, or a constant in all lanes. */
export type Value = { readonly step: number } | { readonly bits: number };

export type Binary =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'pmin'
  | 'pmax'
  | 'and'
  | 'or'
  | 'addInt'
  | 'subtractInt';
export type Shift = 'shiftLeft' | 'shiftRightSigned';

export type Step =
  | { readonly kind: 'load'; readonly operand: RowOperand; readonly section: number }
  | { readonly kind: 'store'; readonly operand: RowOperand; readonly section: number; readonly value: Value }
  | { readonly kind: Binary; readonly left: Value; readonly right: Value }
  | { readonly kind: Shift; readonly value: Value; readonly count: number }
  | { readonly kind: 'madd' | 'nmadd'; readonly left: Value; readonly right: Value; readonly sum: Value };

/** A program over the rows of matrices; its code takes their addresses in this order. */
export interface RowProgram {
  readonly operands: readonly RowOperand[];
  readonly program: LaneProgram;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

export class LaneProgram {
  readonly steps: Step[] = [];

  /** A number, rounded to float32, in all lanes. */
  splat(value: number): Value {
    float[0] = value;
    return { bits: word[0]! };
  }

  /** 32 bits in all lanes. */
  splatBits(bits: number): Value {
    return { bits: bits >>> 0 };
  }

  load(operand: RowOperand, section = 0): Value {
    return this.append({ kind: 'load', operand, section });
  }

  store(operand: RowOperand, value: Value, section = 0): void {
    this.append({ kind: 'store', operand, section, value });
  }

  add(left: Value, right: Value): Value {
    return this.append({ kind: 'add', left, right });
  }

  subtract(left: Value, right: Value): Value {
    return this.append({ kind: 'subtract', left, right });
  }

  multiply(left: Value, right: Value): Value {
    return this.append({ kind: 'multiply', left, right });
  }

  divide(left: Value, right: Value): Value {
    return this.append({ kind: 'divide', left, right });
  }

  /** right < left ? right : left, so that a NaN on the left stays. */
  pmin(left: Value, right: Value): Value {
    return this.append({ kind: 'pmin', left, right });
  }

  /** left < right ? right : left. */
  pmax(left: Value, right: Value): Value {
    return this.append({ kind: 'pmax', left, right });
  }

  and(left: Value, right: Value): Value {
    return this.append({ kind: 'and', left, right });
  }

  or(left: Value, right: Value): Value {
    return this.append({ kind: 'or', left, right });
  }

  /** Of 32-bit whole numbers, as are the next three. */
  addInt(left: Value, right: Value): Value {
    return this.append({ kind: 'addInt', left, right });
  }

  subtractInt(left: Value, right: Value): Value {
    return this.append({ kind: 'subtractInt', left, right });
  }

  shiftLeft(value: Value, count: number): Value {
    return this.append({ kind: 'shiftLeft', value, count });
  }

  shiftRightSigned(value: Value, count: number): Value {
    return this.append({ kind: 'shiftRightSigned', value, count });
  }

  /** left·right + sum, rounded once. */
  madd(left: Value, right: Value, sum: Value): Value {
    return this.append({ kind: 'madd', left, right, sum });
  }

  /** sum - left·right, rounded once. */
  nmadd(left: Value, right: Value, sum: Value): Value {
    return this.append({ kind: 'nmadd', left, right, sum });
  }

  private append(step: Step): Value {
    this.steps.push(step);
    return { step: this.steps.length - 1 };
  }
}

/** What a step takes. */
export function inputsOf(step: Step): readonly Value[] {
  switch (step.kind) {
    case 'load':
      return [];
    case 'store':
    case 'shiftLeft':
    case 'shiftRightSigned':
      return [step.value];
    case 'madd':
    case 'nmadd':
      return [step.left, step.right, step.sum];
    default:
      return [step.left, step.right];
  }
}
