/** A small captioner with random parameters and captions, in the memory that an engine works on. */
import { generator, normals, permutation } from '../../src/data/random.js';
import type { SharedMemory } from '../../src/engine/engine.js';
import { allocateSharedMemory, parametersOf } from '../../src/engine/shared-memory.js';
import { captioner } from '../../src/model/captioner.js';
import type { CaptionerOptions, DropoutRates } from '../../src/model/captioner-options.js';
import { builtInCells, type CellName } from '../../src/model/cells/built-in.js';
import type { Cell } from '../../src/model/cells/cell.js';
import { layoutOf } from '../../src/tensor/layout.js';
import type { Matrix, Named, NumberArray, Precision } from '../../src/tensor/matrix.js';
import type { ModelSpec } from '../../src/tensor/model-spec.js';
import type { StepPlan, Tokens } from '../../src/tensor/step-plan.js';
import { stateOfRule } from '../../src/tensor/update-rules.js';

/** A captioner's dimensions, D, W, H, V, T, and what else it is. */
export interface CaptionerShape extends Partial<Omit<CaptionerOptions, 'dropout'>> {
  readonly dropout?: Partial<DropoutRates>;
  readonly cell: CellName | Cell;
  readonly featureDim: number;
  readonly wordDim: number;
  readonly hiddenDim: number;
  readonly vocabSize: number;
  readonly steps: number;
  /** L and C; with it the captioner attends to a grid. */
  readonly grid?: { readonly positions: number; readonly columns: number };
}

export function cellOf({ cell }: Pick<CaptionerShape, 'cell'>): Cell {
  return typeof cell === 'string' ? builtInCells[cell] : cell;
}

export function specOf(shape: CaptionerShape): ModelSpec {
  const { cell, featureDim, vocabSize, steps, grid, ...options } = shape;
  const inputs: Named<number> = { features: featureDim, ...(grid ? { grid: grid.positions * grid.columns } : {}) };
  const positions: Named<number> = grid ? { grid: grid.positions } : {};
  const attention = grid ? 'additive' : 'none';
  return captioner(cellOf({ cell }), { ...options, attention }, { inputs, positions, vocabSize, steps });
}

export interface Shard {
  readonly shape: CaptionerShape;
  readonly rows: number;
  /** (rows, T+1) */
  readonly captions: Int32Array;
  /** (rows, D) */
  readonly features: Float64Array;
  /** (rows, L·C), empty without a grid. */
  readonly grid: Float64Array;
}

/** Float64 values of one seed, rounded to what `memory` stores. */
export function fillNormals(target: NumberArray, seed: number, scale: number): void {
  normals(seed, 'test', target.length).forEach((value, i) => {
    target[i] = value * scale;
  });
}

/** Shared memory of one model, with Adam's arrays, parameters drawn from `seed`, gaps between them zero. */
export function memoryFor(
  shape: CaptionerShape,
  precision: Precision,
  shards = 1,
  arenaBytes = 0,
  firstByte = 0,
  journals = 0,
): SharedMemory {
  const layout = layoutOf(specOf(shape).parameters);
  const states = stateOfRule.adam;
  const memory = allocateSharedMemory({ layout, precision, states, shards, arenaBytes, firstByte, journals });
  const flat = parametersOf(memory);
  for (const [i, { offset, size }] of layout.places.entries())
    fillNormals(flat.subarray(offset, offset + size), 100 + i, 0.3);
  return memory;
}

/** Captions of every length from 1 to T, `<START>` first and `<END>` last, in a random order; words from 4 on. */
export function raggedShard(shape: CaptionerShape, rows: number, seed = 7): Shard {
  const { steps: T, vocabSize: V, featureDim: D } = shape;
  const random = generator(seed, 'captions');
  const captions = new Int32Array(rows * (T + 1));
  for (let r = 0; r < rows; r++) {
    const length = 1 + (r % T);
    const words = permutation(random, V - 4).map((word) => word + 4);
    const row = [1, ...Array.from({ length: length - 1 }, (_, i) => words[i % words.length]!), 2];
    captions.set(row, r * (T + 1));
  }
  const { positions, columns } = shape.grid ?? { positions: 0, columns: 0 };
  return {
    shape,
    rows,
    captions,
    features: normals(seed, 'features', rows * D),
    grid: normals(seed, 'grid', rows * positions * columns),
  };
}

/** captions_in and captions_out of captions (rows, T+1). */
export function tokensOf(captions: Int32Array, rows: number, columns: number): Tokens {
  const column = (from: number) =>
    Int32Array.from({ length: rows * (columns - 1) }, (_, i) => {
      return captions[Math.floor(i / (columns - 1)) * columns + (i % (columns - 1)) + from]!;
    });
  return { rows, steps: columns - 1, inputs: column(0), targets: column(1), weights: null };
}

export function shardTokens({ captions, rows, shape }: Shard): Tokens {
  return tokensOf(captions, rows, shape.steps + 1);
}

/** What the model is given of the captions' images, in their order. */
export function imageInputs({ features, grid, rows, shape }: Shard): Named<Matrix> {
  const matrix = (data: Float64Array) => ({ data, rows, columns: data.length / rows });
  return { features: matrix(features), ...(shape.grid ? { grid: matrix(grid) } : {}) };
}

/** The same in the plan's order. */
export function shardInputs(shard: Shard, plan: StepPlan): Named<Matrix> {
  const inputs = Object.entries(imageInputs(shard)).map(([name, { data: all, columns }]) => {
    const data = new Float64Array(plan.rows * columns);
    plan.order.forEach((row, r) => {
      if (row >= 0) data.set(all.subarray(row * columns, (row + 1) * columns), r * columns);
    });
    return [name, { data, rows: plan.rows, columns }];
  });
  return Object.fromEntries(inputs);
}
