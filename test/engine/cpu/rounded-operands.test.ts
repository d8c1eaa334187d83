/**
 * Products of bfloat16 operands in plain TypeScript, so that what the cpu engine does around them is tested on every
 * processor: above all that no product reads a copy of what lay in its place before.
 */
import { describe, expect, it } from 'vitest';
import { CpuExecutable } from '../../../src/engine/cpu/cpu-engine.js';
import { loadKernels } from '../../../src/engine/cpu/kernels.js';
import type { ProductSizes, Products } from '../../../src/engine/cpu/suppliers/products.js';
import { cpuArenaBytes } from '../../../src/engine/cpu/working-memory.js';
import { createReferenceEngine } from '../../../src/engine/reference/reference-engine.js';
import { parametersOf } from '../../../src/engine/shared-memory.js';
import { layoutOf } from '../../../src/tensor/layout.js';
import { packedPlan } from '../../../src/tensor/step-plan.js';
import { forwardLstm } from '../../model/forward-cells.js';
import {
  type CaptionerShape,
  cellOf,
  memoryFor,
  raggedShard,
  shardInputs,
  shardTokens,
  specOf,
} from '../../support/shard.js';
import { gradientsOf, relativeDifference } from '../side-by-side.js';

const sizes: ProductSizes = { operands: 'bf16', scratchBytes: () => 0, preparedBytes: () => 0 };
const rows = 9;

/** bfloat16 is the upper half of a float32. */
function widened(memory: WebAssembly.Memory, at: number, count: number): Float32Array {
  const words = Uint32Array.from(new Uint16Array(memory.buffer, at, count), (half) => half << 16);
  return new Float32Array(words.buffer);
}

function plainProducts(memory: WebAssembly.Memory): Products {
  return {
    ...sizes,
    multiply(transposeA, transposeB, M, N, K, aAt, bAt, cAt, biasAt) {
      const [a, b] = [widened(memory, aAt, M * K), widened(memory, bAt, K * N)];
      const c = new Float32Array(memory.buffer, cAt, M * N);
      const bias = biasAt ? new Float32Array(memory.buffer, biasAt, N) : null;
      for (let i = 0; i < M; i++) {
        for (let j = 0; j < N; j++) {
          let sum = bias ? bias[j]! : 0;
          for (let k = 0; k < K; k++) {
            sum += a[transposeA ? k * M + i : i * K + k]! * b[transposeB ? j * K + k : k * N + j]!;
          }
          c[i * N + j] = sum;
        }
      }
    },
    prepare: () => {
      throw new Error('no weights are prepared');
    },
    multiplyPrepared: () => {
      throw new Error('no weights are prepared');
    },
  };
}

const cells = (['rnn', 'lstm', 'gru', forwardLstm] as const).map((cell) => ({ cell, name: cellOf({ cell }).name }));
const cases = cells.flatMap(({ cell, name }) =>
  [16, 19].flatMap((hiddenDim) => [1, 2].map((layers) => ({ cell, name, hiddenDim, layers }))),
);

describe('products of bfloat16 operands', () => {
  it.each(cases)('give the gradients of the reference, $name of H = $hiddenDim in $layers layers', async (model) => {
    const shape: CaptionerShape = { ...model, residual: true, featureDim: 13, wordDim: 7, vocabSize: 37, steps: 5 };
    const spec = specOf(shape);
    const { gradients } = spec.programs;
    const arena = cpuArenaBytes(spec, layoutOf(spec.parameters), rows, sizes);
    const memory = memoryFor(shape, 'float32', 1, arena, 64);
    const yardstick = memoryFor(shape, 'float64');
    parametersOf(yardstick).set(parametersOf(memory));
    const engine = createReferenceEngine(yardstick);
    const limits = { rows, steps: shape.steps };
    const products = plainProducts(memory.memory);
    const executable = new CpuExecutable(gradients, limits, memory, loadKernels(memory.memory), products);
    for (const seed of [1, 2]) {
      const shard = raggedShard(shape, rows, seed);
      const plan = packedPlan(shardTokens(shard));
      const request = { shard: 0, plan, inputs: shardInputs(shard, plan) };
      const { loss } = executable.run(request);
      const expected = await engine.prepare(gradients, limits).run(request);
      expect(relativeDifference([loss], [expected.loss])).toBeLessThan(2 ** -8);
      const found = gradientsOf({ memory });
      for (const [name, gradient] of Object.entries(gradientsOf({ memory: yardstick }))) {
        expect(relativeDifference(found[name]!, gradient), name).toBeLessThan(8 * 2 ** -8);
      }
    }
  });
});
