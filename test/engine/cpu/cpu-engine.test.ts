import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { describe, expect, it } from 'vitest';
import { generator } from '../../../src/data/random.js';
import { nativeLibraries } from '../../../src/engine/cpu/blas/blas-library.js';
import { installedLibraries } from '../../../src/engine/cpu/blas/installed.js';
import { CpuExecutable } from '../../../src/engine/cpu/cpu-engine.js';
import { bestInstructionSet, loadKernels } from '../../../src/engine/cpu/kernels.js';
import { type CpuChoice, openProducts, productSizes, type Supplier } from '../../../src/engine/cpu/supplier.js';
import { cpuArenaBytes } from '../../../src/engine/cpu/working-memory.js';
import type { RunRequest, SharedMemory } from '../../../src/engine/engine.js';
import { createReferenceEngine } from '../../../src/engine/reference/reference-engine.js';
import { flatView } from '../../../src/engine/shared-memory.js';
import { captionerPrograms } from '../../../src/model/captioner.js';
import { type Cell, type ModelShape, parameterNames, parameterViews } from '../../../src/model/parameters.js';
import { packedPlan } from '../../../src/model/step-plan.js';
import { describeWith } from '../../support/requirements.js';
import { memoryFor, raggedShard, type Shard } from '../../support/shard.js';
import { relativeDifference } from '../conformance.js';

const wasm: CpuChoice = {
  name: 'cpu',
  precision: 'float32',
  supplier: { library: 'wasm' },
  instructionSet: bestInstructionSet(),
};

function shapeOf(cell: Cell): ModelShape {
  return { cell, featureDim: 70, wordDim: 51, hiddenDim: 130, vocabSize: 517, steps: 9 };
}

function memoryOf(choice: CpuChoice, shape: ModelShape, rows: number, shards = 1): SharedMemory {
  return memoryFor(shape, 'float32', shards, cpuArenaBytes(shape, rows, productSizes(choice)), 64);
}

function executable(choice: CpuChoice, shape: ModelShape, rows: number, memory: SharedMemory): CpuExecutable {
  const kernels = loadKernels(memory.memory);
  const limits = { rows, steps: shape.steps };
  return new CpuExecutable(
    captionerPrograms(shape).gradients,
    limits,
    memory,
    kernels,
    openProducts(choice, kernels, memory),
  );
}

function requestOf({ shape, rows, captions, features }: Shard, shard = 0): RunRequest {
  const plan = packedPlan(captions, rows, shape.steps + 1);
  const D = shape.featureDim;
  const data = new Float32Array(rows * D);
  plan.order.forEach((row, r) => {
    data.set(features.subarray(row * D, (row + 1) * D), r * D);
  });
  return { shard, plan, tensors: { features: { data, rows, columns: D } } };
}

/** Captions of random lengths, some all-NULL. */
function randomShard(shape: ModelShape, rows: number, seed: number): Shard {
  const random = generator(seed, 'lengths');
  const columns = shape.steps + 1;
  const shard = raggedShard(shape, rows, seed);
  for (let r = 0; r < rows; r++) {
    const words = uniformInt(random, 0, shape.steps);
    for (let i = 0; i < columns; i++) {
      shard.captions[r * columns + i] = words > 0 && i <= words ? uniformInt(random, 1, shape.vocabSize - 1) : 0;
    }
  }
  return shard;
}

async function expectAgreement(supplier: Supplier, cell: Cell): Promise<void> {
  const shape = shapeOf(cell);
  const choice: CpuChoice = { name: 'cpu', precision: 'float32', supplier, instructionSet: bestInstructionSet() };
  const memory = memoryOf(choice, shape, 33);
  const yardstick = memoryFor(shape, 'float64');
  flatView(yardstick, yardstick.parameters).set(flatView(memory, memory.parameters));
  const reference = createReferenceEngine(yardstick).prepare(captionerPrograms(shape).gradients, {
    rows: 33,
    steps: 9,
  });
  const request = requestOf(randomShard(shape, 33, 1));
  const found = executable(choice, shape, 33, memory).run(request);
  const expected = await reference.run(request);
  expect(relativeDifference([found.loss], [expected.loss])).toBeLessThan(1e-6);
  const [a, b] = [memory, yardstick].map((each) =>
    parameterViews(flatView(each, each.slots[0]!), each.parameterLayout),
  );
  for (const name of parameterNames) expect(relativeDifference(a![name], b![name]), name).toBeLessThan(1e-4);
}

describe('the gradients at odd sizes above the kernels’ blocks', () => {
  for (const cell of ['rnn', 'lstm'] as const) {
    it(`agree with the reference in WebAssembly, ${cell}`, () => expectAgreement({ library: 'wasm' }, cell));
  }
});

for (const library of nativeLibraries) {
  describeWith({ blas: library }, `the gradients at odd sizes by ${library}`, () => {
    for (const cell of ['rnn', 'lstm'] as const) {
      it(`agree with the reference, ${cell}`, () => {
        const { path } = installedLibraries().find((installed) => installed.library === library)!;
        return expectAgreement({ library, path, version: '', kernels: '', blockedWeights: 'none' }, cell);
      });
    }
  });
}

describe('the working memory of a shard', () => {
  for (const cell of ['rnn', 'lstm'] as const) {
    it(`lets hidden states and gradients of time steps be packed without copying, ${cell}`, () => {
      const shape = shapeOf(cell);
      const memory = memoryOf(wasm, shape, 20);
      const gradients = executable(wasm, shape, 20, memory);
      gradients.run(requestOf(raggedShard(shape, 20)));
      // The one that copies is the previous hidden states, whose rows shrink from one time step to the next.
      expect(gradients.copiedPacks).toBe(1);
    });

    it(`is enough for whatever captions come, and nothing beyond it is touched, ${cell}`, () => {
      for (const vocabSize of [9, 517]) {
        const shape = { ...shapeOf(cell), hiddenDim: 17, vocabSize };
        const memory = memoryOf(wasm, shape, 12, 2);
        const gradients = executable(wasm, shape, 12, memory);
        for (let seed = 0; seed < 150; seed++) gradients.run(requestOf(randomShard(shape, 12, seed)));
        const beyond = new Uint8Array(memory.memory.buffer, memory.arenas[1]);
        expect(beyond.every((byte) => byte === 0)).toBe(true);
      }
    });
  }

  it('is found too small before it overflows', () => {
    const shape = shapeOf('lstm');
    const memory = memoryOf(wasm, shape, 4);
    expect(() => executable(wasm, shape, 20, memory)).toThrow(/working memory/);
    const gradients = executable(wasm, shape, 4, memory);
    expect(() => gradients.run(requestOf(raggedShard(shape, 20)))).toThrow(/working memory/);
  });

  it('gives the same bits to whichever worker takes the shard, after whatever ran there before', () => {
    const shape = shapeOf('lstm');
    const memory = memoryOf(wasm, shape, 20);
    const slot = flatView(memory, memory.slots[0]!);
    const request = requestOf(randomShard(shape, 20, 3));
    executable(wasm, shape, 20, memory).run(request);
    const first = slot.slice();
    executable(wasm, shape, 20, memory).run(requestOf(randomShard(shape, 20, 4)));
    executable(wasm, shape, 20, memory).run(request);
    expect(slot).toEqual(first);
  });
});
