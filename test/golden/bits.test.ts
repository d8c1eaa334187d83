/**
 * What recap 0.1.0 computed is computed to the bit: 20 steps of Adam on two shards, on the reference engine and with
 * each build of the WebAssembly kernels (bits.json), and with generated products and cells what the build with fused multiply-adds
 * does. A change of these bits is one of the arithmetic version. (Version 2 differs from version 1 in larger products.)
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configOf } from '../../src/config/load.js';
import { CpuExecutable } from '../../src/engine/cpu/cpu-engine.js';
import { type InstructionSet, loadKernels } from '../../src/engine/cpu/kernels.js';
import { generatedCells } from '../../src/engine/cpu/suppliers/native/generated-cells.js';
import { type GeneratedSet, generationSupport } from '../../src/engine/cpu/suppliers/native/generated-kernels.js';
import { generatedProductSizes, generatedProducts } from '../../src/engine/cpu/suppliers/native/generated-products.js';
import { wasmProductSizes, wasmProducts } from '../../src/engine/cpu/suppliers/wasm-products.js';
import { createUpdates } from '../../src/engine/cpu/updates.js';
import { cpuArenaBytes } from '../../src/engine/cpu/working-memory.js';
import type { Executable, SharedMemory, Updates } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { trainedView } from '../../src/engine/shared-memory.js';
import { layoutOf } from '../../src/tensor/layout.js';
import { packedPlan } from '../../src/tensor/step-plan.js';
import { arithmeticVersion } from '../../src/training/checkpoints/arithmetic-version.js';
import { optimiserOf } from '../../src/training/loop/optimisers.js';
import { runnableSets } from '../engine/cpu/kernels-memory.js';
import { describeWith } from '../support/requirements.js';
import { type CaptionerShape, memoryFor, raggedShard, shardInputs, shardTokens, specOf } from '../support/shard.js';

const golden = JSON.parse(readFileSync(new URL('./bits.json', import.meta.url), 'utf8'));
const rows = 6;

function shapeOf(cell: 'rnn' | 'lstm'): CaptionerShape {
  return { cell, featureDim: 13, wordDim: 7, hiddenDim: 19, vocabSize: 37, steps: 5 };
}

interface Bench {
  readonly memory: SharedMemory;
  readonly gradients: Executable;
  readonly updates: Updates;
}

function onReference(shape: CaptionerShape): Bench {
  const memory = memoryFor(shape, 'float64', 2);
  const engine = createReferenceEngine(memory);
  return { memory, updates: engine, gradients: engine.prepare(specOf(shape).programs.gradients, { rows, steps: 5 }) };
}

/** @param generated whose products and time steps there are in place of the kernels' own */
function onKernels(shape: CaptionerShape, set: InstructionSet, generated: GeneratedSet | null = null): Bench {
  const spec = specOf(shape);
  const sizes = generated ? generatedProductSizes(generated) : wasmProductSizes;
  const arena = cpuArenaBytes(spec, layoutOf(spec.parameters), rows, sizes);
  const memory = memoryFor(shape, 'float32', 2, arena, 64);
  const wasm = loadKernels(memory.memory, set);
  const kernels = generated ? { ...wasm, ...generatedCells(generated, memory.memory, wasm) } : wasm;
  const products = generated ? generatedProducts(generated, memory.memory) : wasmProducts(wasm);
  const gradients = new CpuExecutable(spec.programs.gradients, { rows, steps: 5 }, memory, kernels, products);
  return { memory, gradients, updates: createUpdates(memory, kernels) };
}

async function train({ memory, gradients, updates }: Bench, shape: CaptionerShape) {
  const { train } = configOf({});
  const adam = optimiserOf(train);
  const losses: number[] = [];
  for (let step = 1; step <= 20; step++) {
    let loss = 0;
    for (const slot of [0, 1]) {
      const shard = raggedShard(shape, rows - slot, 10 * step + slot);
      const plan = packedPlan(shardTokens(shard));
      const { features } = shardInputs(shard, plan);
      const inputs = { features: { ...features!, data: Float32Array.from(features!.data) } };
      loss += (await gradients.run({ shard: slot, plan, inputs })).loss;
    }
    losses.push(loss);
    const update = { ...adam.step(step, 0.01), divisor: 11, limit: Number.POSITIVE_INFINITY };
    updates.update(update, 'slots', 0, memory.layout.trainedLength);
  }
  const hash = createHash('sha256');
  for (const at of [memory.parameters, memory.states.m!, memory.states.v!]) {
    const { buffer, byteOffset, byteLength } = trainedView(memory, at);
    hash.update(Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength)));
  }
  return { losses, sha256: hash.digest('hex') };
}

describe.each(['rnn', 'lstm'] as const)('losses, parameters and moments of the %s', (cell) => {
  it('are those of arithmetic version 2', () => {
    expect(arithmeticVersion).toBe(2);
  });

  it('have the same bits on the reference engine', async () => {
    const shape = shapeOf(cell);
    expect(await train(onReference(shape), shape)).toEqual(golden[`float64 ${cell}`]);
  });

  it.each(runnableSets)('have the same bits in %s', async (set) => {
    const shape = shapeOf(cell);
    expect(await train(onKernels(shape, set), shape)).toEqual(golden[`${set} ${cell}`]);
  });

  describeWith({ generated: 'float32' }, 'with generated products', () => {
    it.each(generationSupport('float32').sets)(
      'have the bits of fused multiply-adds in WebAssembly, %s',
      async (set) => {
        const shape = shapeOf(cell);
        const bench = onKernels(shape, 'wasm relaxed simd', set);
        expect(await train(bench, shape)).toEqual(golden[`wasm relaxed simd ${cell}`]);
      },
    );
  });
});
