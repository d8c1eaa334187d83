/** A small captioner with random parameters and captions, in the memory that an engine works on. */
import { generator, normals, permutation } from '../../src/data/random.js';
import type { NumberArray, Precision, SharedMemory } from '../../src/engine/engine.js';
import { allocateSharedMemory, flatView } from '../../src/engine/shared-memory.js';
import { type ModelShape, parameterLayout } from '../../src/model/parameters.js';

export interface Shard {
  readonly shape: ModelShape;
  readonly rows: number;
  /** (rows, T+1) */
  readonly captions: Int32Array;
  /** (rows, D) */
  readonly features: Float64Array;
}

/** Float64 values of one seed, rounded to what `memory` stores. */
export function fillNormals(target: NumberArray, seed: number, scale: number): void {
  normals(seed, 'test', target.length).forEach((value, i) => {
    target[i] = value * scale;
  });
}

/** Shared memory of one shape, parameters drawn from `seed`, gaps between them zero. */
export function memoryFor(
  shape: ModelShape,
  precision: Precision,
  shards = 1,
  arena = 0,
  reserved = 0,
  journals = 0,
): SharedMemory {
  const layout = parameterLayout(shape);
  const memory = allocateSharedMemory(layout, precision, shards, arena, reserved, journals);
  const flat = flatView(memory, memory.parameters);
  for (const [i, { offset, size }] of layout.places.entries())
    fillNormals(flat.subarray(offset, offset + size), 100 + i, 0.3);
  return memory;
}

/** Captions of every length from 1 to T, `<START>` first and `<END>` last, in a random order; words from 4 on. */
export function raggedShard(shape: ModelShape, rows: number, seed = 7): Shard {
  const { steps: T, vocabSize: V, featureDim: D } = shape;
  const random = generator(seed, 'captions');
  const captions = new Int32Array(rows * (T + 1));
  for (let r = 0; r < rows; r++) {
    const length = 1 + (r % T);
    const words = permutation(random, V - 4).map((word) => word + 4);
    const row = [1, ...Array.from({ length: length - 1 }, (_, i) => words[i % words.length]!), 2];
    captions.set(row, r * (T + 1));
  }
  return { shape, rows, captions, features: normals(seed, 'features', rows * D) };
}
