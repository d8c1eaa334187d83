/** Minibatches: the only way from data into a training step. */
import type { Tokens } from '../tensor/step-plan.js';
import type { CaptionSplit, SplitName } from './dataset.js';

/** Captions of a minibatch as a step needs them, wherever they come from. */
export interface Batch {
  /** captions_in and captions_out, (n, T) each, and a weight for each caption. */
  readonly tokens: Tokens;
  /** (n) the image of each caption: a row of each of the split's inputs. */
  readonly images: Int32Array;
  /** The split whose images these are. */
  readonly split: SplitName;
  /** Where its first caption stands in the minibatch of the step, of which it may be a part. */
  readonly firstRow: number;
  /** Divides the summed loss and gradient: the captions of the whole minibatch. */
  readonly divisor: number;
}

/** The minibatch of captions `rows` of a split. */
export function captionBatch(split: CaptionSplit, rows: Int32Array): Batch {
  const { captions, columns, imageIdxs, name } = split;
  const steps = columns - 1;
  const inputs = new Int32Array(rows.length * steps);
  const targets = new Int32Array(rows.length * steps);
  const images = new Int32Array(rows.length);
  rows.forEach((row, i) => {
    const first = row * columns;
    inputs.set(captions.subarray(first, first + steps), i * steps);
    targets.set(captions.subarray(first + 1, first + columns), i * steps);
    images[i] = imageIdxs[row]!;
  });
  const tokens = { rows: rows.length, steps, inputs, targets, weights: null };
  return { tokens, images, split: name, firstRow: 0, divisor: rows.length };
}

/** One caption of a batch alone. */
export function batchOfRow({ tokens, images, ...batch }: Batch, row: number): Batch {
  const { steps, inputs, targets, weights } = tokens;
  const rowOf = (table: Int32Array) => table.slice(row * steps, (row + 1) * steps);
  const one = { rows: 1, steps, inputs: rowOf(inputs), targets: rowOf(targets) };
  return {
    ...batch,
    tokens: { ...one, weights: weights?.slice(row, row + 1) ?? null },
    images: images.slice(row, row + 1),
    firstRow: batch.firstRow + row,
  };
}

/** Positions of captions_out up to the last that is not `<NULL>`, a caption: how many time steps it is alive. */
export function captionLengths({ rows, steps, targets }: Tokens, nullId = 0): Int32Array {
  const lengths = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    let last = steps;
    while (last > 0 && targets[i * steps + last - 1] === nullId) last--;
    lengths[i] = last;
  }
  return lengths;
}

/** Positions of captions_out that carry loss. */
export function targetCount({ targets }: Tokens, nullId = 0): number {
  return targets.reduce((count, word) => (word === nullId ? count : count + 1), 0);
}
