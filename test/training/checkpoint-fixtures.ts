/** A small model's shared memory and training state, to write checkpoints of. */
import type { Precision, SharedMemory } from '../../src/engine/engine.js';
import { allocateSharedMemory, flatView } from '../../src/engine/shared-memory.js';
import { type ModelShape, parameterLayout } from '../../src/model/parameters.js';
import type { TrainingState } from '../../src/training/checkpoint-writer.js';

export const model: ModelShape = { cell: 'lstm', featureDim: 5, wordDim: 3, hiddenDim: 2, vocabSize: 7, steps: 4 };

/** Every parameter and moment has a value of its own; gaps hold NaN, which must reach no file. */
export function filledMemory(precision: Precision = 'float32', shape = model): SharedMemory {
  const memory = allocateSharedMemory(parameterLayout(shape), precision, 1, 0);
  [memory.parameters, memory.m, memory.v].forEach((offset, group) => {
    const flat = flatView(memory, offset).fill(Number.NaN);
    for (const place of memory.parameterLayout.places) {
      for (let i = 0; i < place.size; i++) flat[place.offset + i] = (group + 1) * Math.sin(place.offset + i + 1);
    }
  });
  return memory;
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
    dataChecksum: 'abc',
    validationLoss,
    bestValidationLoss: validationLoss,
    elapsedSeconds: 1.25,
  };
}
