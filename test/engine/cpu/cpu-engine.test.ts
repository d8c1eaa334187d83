import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { describe, expect, it } from 'vitest';
import { generator } from '../../../src/data/random.js';
import { CpuExecutable } from '../../../src/engine/cpu/cpu-engine.js';
import { bestInstructionSet } from '../../../src/engine/cpu/kernels.js';
import { installedLibraries } from '../../../src/engine/cpu/suppliers/blas/installed.js';
import {
  type CpuChoice,
  openKernels,
  openProducts,
  productSizes,
  type Supplier,
} from '../../../src/engine/cpu/suppliers/supplier.js';
import { cpuArenaBytes } from '../../../src/engine/cpu/working-memory.js';
import type { RunRequest, SharedMemory } from '../../../src/engine/engine.js';
import { createReferenceEngine } from '../../../src/engine/reference/reference-engine.js';
import { parametersOf, trainedView } from '../../../src/engine/shared-memory.js';
import type { CellName } from '../../../src/model/cells/built-in.js';
import { layoutOf, namedViews } from '../../../src/tensor/layout.js';
import { packedPlan } from '../../../src/tensor/step-plan.js';
import { describeWith } from '../../support/requirements.js';
import {
  type CaptionerShape,
  memoryFor,
  raggedShard,
  type Shard,
  shardInputs,
  shardTokens,
  specOf,
} from '../../support/shard.js';
import { relativeDifference } from '../side-by-side.js';

const wasm: CpuChoice = {
  name: 'cpu',
  precision: 'float32',
  supplier: { library: 'wasm' },
  instructionSet: bestInstructionSet(),
};

function shapeOf(cell: CellName): CaptionerShape {
  return { cell, featureDim: 70, wordDim: 51, hiddenDim: 130, vocabSize: 517, steps: 9 };
}

function memoryOf(choice: CpuChoice, shape: CaptionerShape, rows: number, shards = 1): SharedMemory {
  const spec = specOf(shape);
  const arena = cpuArenaBytes(spec, layoutOf(spec.parameters), rows, productSizes(choice));
  return memoryFor(shape, 'float32', shards, arena, 64);
}

function executable(choice: CpuChoice, shape: CaptionerShape, rows: number, memory: SharedMemory): CpuExecutable {
  const kernels = openKernels(choice, memory);
  const limits = { rows, steps: shape.steps };
  return new CpuExecutable(
    specOf(shape).programs.gradients,
    limits,
    memory,
    kernels,
    openProducts(choice, kernels, memory),
  );
}

function requestOf(shard: Shard): RunRequest {
  const plan = packedPlan(shardTokens(shard));
  return { shard: 0, plan, inputs: shardInputs(shard, plan) };
}

/** Captions of random lengths, some all-NULL. */
function randomShard(shape: CaptionerShape, rows: number, seed: number): Shard {
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

async function expectAgreement(supplier: Supplier, cell: CellName): Promise<void> {
  const shape = shapeOf(cell);
  const choice: CpuChoice = { name: 'cpu', precision: 'float32', supplier, instructionSet: bestInstructionSet() };
  const memory = memoryOf(choice, shape, 33);
  const yardstick = memoryFor(shape, 'float64');
  parametersOf(yardstick).set(parametersOf(memory));
  const reference = createReferenceEngine(yardstick).prepare(specOf(shape).programs.gradients, {
    rows: 33,
    steps: 9,
  });
  const request = requestOf(randomShard(shape, 33, 1));
  const found = executable(choice, shape, 33, memory).run(request);
  const expected = await reference.run(request);
  expect(relativeDifference([found.loss], [expected.loss])).toBeLessThan(1e-6);
  const [a, b] = [memory, yardstick].map((each) => namedViews(trainedView(each, each.slots[0]!), each.layout));
  for (const [name, expected] of Object.entries(b!)) {
    expect(relativeDifference(a![name]!, expected), name).toBeLessThan(1e-4);
  }
}

describe('the gradients at odd sizes above the kernels’ blocks', () => {
  for (const cell of ['rnn', 'lstm', 'gru'] as const) {
    it(`agree with the reference in WebAssembly, ${cell}`, () => expectAgreement({ library: 'wasm' }, cell));
  }
});

describeWith({ generated: 'float32' }, 'the gradients at odd sizes by generated kernels', () => {
  for (const cell of ['rnn', 'lstm'] as const) {
    it(`agree with the reference, ${cell}`, () => expectAgreement({ library: 'native' }, cell));
  }
});

for (const library of ['openblas', 'accelerate'] as const) {
  describeWith({ blas: library }, `the gradients at odd sizes by ${library}`, () => {
    for (const cell of ['rnn', 'lstm', 'gru'] as const) {
      it(`agree with the reference, ${cell}`, () => {
        const { path } = installedLibraries().find((installed) => installed.library === library)!;
        return expectAgreement({ library, path, version: '', kernels: '' }, cell);
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

    it(`lets the same be in each of two layers, ${cell}`, () => {
      const shape = { ...shapeOf(cell), layers: 2 };
      const gradients = executable(wasm, shape, 20, memoryOf(wasm, shape, 20));
      gradients.run(requestOf(raggedShard(shape, 20)));
      expect(gradients.copiedPacks).toBe(2);
    });
  }

  for (const [title, stack] of Object.entries({
    rnn: { cell: 'rnn' },
    lstm: { cell: 'lstm' },
    gru: { cell: 'gru' },
    'lstm in two layers': { cell: 'lstm', layers: 2, residual: true },
  } as const)) {
    it(`is enough for whatever captions come, and nothing beyond it is touched, ${title}`, () => {
      for (const vocabSize of [9, 517]) {
        const shape = { ...shapeOf('rnn'), ...stack, hiddenDim: 17, vocabSize };
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
    const slot = trainedView(memory, memory.slots[0]!);
    const request = requestOf(randomShard(shape, 20, 3));
    executable(wasm, shape, 20, memory).run(request);
    const first = slot.slice();
    executable(wasm, shape, 20, memory).run(requestOf(randomShard(shape, 20, 4)));
    executable(wasm, shape, 20, memory).run(request);
    expect(slot).toEqual(first);
  });
});
