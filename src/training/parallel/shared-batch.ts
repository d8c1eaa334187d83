/** The minibatch under way, in memory that all workers share, so that a task names rows of it and carries no captions. */
import type { Batch } from '../../data/batches.js';
import type { Tokens } from '../../tensor/step-plan.js';

export interface SharedBatch {
  /** T */
  readonly steps: number;
  /** (largest minibatch, T) each; see Tokens. */
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
  /** (largest minibatch) */
  readonly images: Int32Array;
  readonly weights: Float32Array;
  /** (1) whether captions are weighed. */
  readonly isWeighted: Int32Array;
}

export function allocateBatch(rows: number, steps: number): SharedBatch {
  const integers = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
  return {
    steps,
    inputs: integers(rows * steps),
    targets: integers(rows * steps),
    images: integers(rows),
    weights: new Float32Array(new SharedArrayBuffer(rows * 4)),
    isWeighted: integers(1),
  };
}

export function writeBatch(shared: SharedBatch, { tokens, images }: Batch): void {
  if (tokens.steps !== shared.steps || tokens.rows > shared.images.length) {
    throw new Error(`a batch of (${tokens.rows},${tokens.steps}), planned (${shared.images.length},${shared.steps})`);
  }
  shared.inputs.set(tokens.inputs);
  shared.targets.set(tokens.targets);
  shared.images.set(images);
  shared.isWeighted[0] = tokens.weights ? 1 : 0;
  if (tokens.weights) shared.weights.set(tokens.weights);
}

/** Captions `rows` of the minibatch, in this order. */
export function tokensOfRows(shared: SharedBatch, rows: readonly number[]): Tokens {
  const { steps } = shared;
  const inputs = new Int32Array(rows.length * steps);
  const targets = new Int32Array(rows.length * steps);
  rows.forEach((row, i) => {
    inputs.set(shared.inputs.subarray(row * steps, (row + 1) * steps), i * steps);
    targets.set(shared.targets.subarray(row * steps, (row + 1) * steps), i * steps);
  });
  const weights = shared.isWeighted[0] ? Float32Array.from(rows, (row) => shared.weights[row]!) : null;
  return { rows: rows.length, steps, inputs, targets, weights };
}
