import { describe, expect, it } from 'vitest';
import { loadKernels } from '../../../src/engine/cpu/kernels.js';
import { createUpdates, offsetTableBytes } from '../../../src/engine/cpu/updates.js';
import { trainedView } from '../../../src/engine/shared-memory.js';
import { noDecay } from '../../../src/tensor/update-rules.js';
import { memoryFor } from '../../support/shard.js';

describe('Adam over the shared memory', () => {
  it('lets the moments of words that do not occur fade to zero, not to subnormal numbers, which are slow', () => {
    const shape = { cell: 'rnn', featureDim: 3, wordDim: 5, hiddenDim: 7, vocabSize: 11, steps: 2 } as const;
    const memory = memoryFor(shape, 'float32', 1, offsetTableBytes);
    const { update } = createUpdates(memory, loadKernels(memory.memory));
    const m = trainedView(memory, memory.states.m!);
    m.fill(1e-5);
    const adam = { rule: 'adam', stepSize: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
    const step = { ...adam, ...noDecay, divisor: 1, limit: Number.POSITIVE_INFINITY };
    for (let t = 0; t < 690; t++) update(step, 'slots', 0, m.length);
    expect(Math.min(...m)).toBeGreaterThan(0);
    for (let t = 0; t < 60; t++) update(step, 'slots', 0, m.length);
    expect(m.every((value) => value === 0)).toBe(true);
  });
});
