/** A small model's shared memory and training state, and checkpoints of them, genuine and forged. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { SharedMemory } from '../../../src/engine/engine.js';
import { allocateSharedMemory, parametersOf, trainedView } from '../../../src/engine/shared-memory.js';
import { family } from '../../../src/model/captioner.js';
import type { ModelRecipe } from '../../../src/model/family.js';
import { layoutOf } from '../../../src/tensor/layout.js';
import type { Precision } from '../../../src/tensor/matrix.js';
import { stateOfRule } from '../../../src/tensor/update-rules.js';
import { arithmeticVersion } from '../../../src/training/checkpoints/arithmetic-version.js';
import { writeCheckpointFile } from '../../../src/training/checkpoints/checkpoint-file.js';
import { formatVersion } from '../../../src/training/checkpoints/checkpoint-format.js';
import type { TrainingState } from '../../../src/training/checkpoints/checkpoint-writer.js';
import { version } from '../../../src/version.js';

/** A captioner with D = 5, W = 3, H = 2, T = 4. */
export function recipeOf(vocabSize: number, featureDim = 5, wordDim = 3, hiddenDim = 2): ModelRecipe {
  const options = { cell: 'lstm', layers: 1, residual: false, wordDim, hiddenDim };
  return { family: 'captioner', options, dimensions: { inputs: { features: featureDim }, vocabSize, steps: 4 } };
}

export const model = recipeOf(7);

/** Every parameter and moment has a value of its own; gaps hold NaN, which must reach no file. */
export function filledMemory(precision: Precision = 'float32', recipe = model): SharedMemory {
  const layout = layoutOf(family.spec(recipe.options, recipe.dimensions).parameters);
  const memory = allocateSharedMemory({ layout, precision, states: stateOfRule.adam, shards: 1, arenaBytes: 0 });
  arraysOf(memory).forEach((flat, group) => {
    flat.fill(Number.NaN);
    for (const place of layout.places) {
      for (let i = 0; i < place.size; i++) flat[place.offset + i] = (group + 1) * Math.sin(place.offset + i + 1);
    }
  });
  return memory;
}

/** Parameters, m and v. */
export function arraysOf(memory: SharedMemory) {
  return [parametersOf(memory), ...Object.values(memory.states).map((offset) => trainedView(memory, offset))];
}

export function trainingState(
  step: number,
  validationLoss: number | null = null,
  precision: Precision = 'float32',
): TrainingState {
  return {
    step,
    epoch: 1,
    validatedEpoch: 0,
    config: { train: { seed: 231 } },
    model,
    rule: 'adam',
    vocabulary: ['<NULL>', '<START>', '<END>', '<UNK>', 'a', '__proto__', '"é"\u2028'],
    shards: 2,
    engineChoice: { name: 'auto' },
    engine: {
      engine: precision === 'float64' ? 'reference' : 'cpu',
      precision,
      supplier: 'test',
      detail: '',
      notes: ['n'],
    },
    captions: { training: 6, validation: 2 },
    stepsPerEpoch: 20,
    dataChecksum: 'abc',
    extractor: null,
    wordVectorsChecksum: null,
    referencesChecksums: { validation: null, training: null },
    validationLoss,
    validationScores: null,
    bestValidation: validationLoss,
    bestStep: validationLoss === null ? null : step,
    epochSums: { loss: 12.5, captions: 3, reward: null },
    plateaus: { best: 3.5, waited: 1, count: 2 },
    earlyStopping: { best: 3.25, waited: 2 },
    elapsedSeconds: 1.25,
  };
}

/** What a checkpoint says beside `trainingState`. */
export const writerState = { formatVersion, recapVersion: version, arithmeticVersion, runId: 'run' };

export function writeCheckpoint(
  folder: string,
  name: string,
  state: TrainingState,
  { memory = filledMemory(), runId = 'run' } = {},
): string {
  const path = join(folder, name);
  const flats = arraysOf(memory);
  const snapshot = new SharedArrayBuffer(3 * flats[0]!.byteLength);
  flats.forEach((flat, i) => {
    new Uint8Array(snapshot, i * flat.byteLength, flat.byteLength).set(
      new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength),
    );
  });
  const result = writeCheckpointFile({
    path,
    state: JSON.stringify({ ...writerState, runId, ...state }),
    layout: memory.layout,
    prefixes: ['adam.m.', 'adam.v.'],
    precision: memory.precision,
    snapshot,
    syncFirst: [],
    guardFile: folder,
    remove: [],
  });
  expect(result).toMatchObject({ written: true, bytes: readFileSync(path).length });
  return path;
}

/** Takes the checksum anew, as another version of recap would, or someone who changes a checkpoint on purpose. */
export function forge(path: string, change: (header: string) => string): void {
  const bytes = readFileSync(path);
  const headerBytes = 8 + Number(bytes.readBigUInt64LE(0));
  const json = Buffer.from(change(bytes.toString('utf8', 8, headerBytes)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const forged = Buffer.concat([length, json, bytes.subarray(headerBytes)]);
  const at = forged.indexOf('"recap.sha256":"') + '"recap.sha256":"'.length;
  forged.fill('0', at, at + 64);
  forged.write(createHash('sha256').update(forged).digest('hex'), at);
  writeFileSync(path, forged);
}
