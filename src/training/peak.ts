/** The fastest matrix product that an engine can do on one core of this machine, to hold training against. */
import type { Program } from '../engine/engine.js';
import { createEngine, type EngineChoice, precisionOf, prepareProcess, reservedBytes } from '../engine/select.js';
import { allocateSharedMemory, flatView } from '../engine/shared-memory.js';
import { type ModelShape, parameterLayout } from '../model/parameters.js';
import { decodingPlan } from '../model/step-plan.js';

/** Rows and columns of the matrices. */
const size = 1024;
const products = 4;
const rounds = 5;

/** Operations a second of products of square matrices, the best of a few rounds. Takes about a second. */
export async function measurePeak(choice: EngineChoice): Promise<number> {
  prepareProcess(choice);
  const shape: ModelShape = { cell: 'rnn', featureDim: 1, wordDim: 1, hiddenDim: size, vocabSize: 5, steps: 1 };
  const layout = parameterLayout(shape);
  const arena = (products + 2) * size * size * 8;
  const memory = allocateSharedMemory(layout, precisionOf(choice), 1, arena, reservedBytes(choice));
  flatView(memory, memory.parameters).fill(1 / size);
  const engine = await createEngine(choice, memory);
  try {
    const executable = engine.prepare(chainOfProducts, { rows: 1, steps: 1 });
    const request = { shard: 0, plan: decodingPlan(Int32Array.of(4)), tensors: {} };
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now();
      await executable.run(request);
      best = Math.min(best, performance.now() - start);
    }
    return (products * 2 * size ** 3 * 1000) / best;
  } finally {
    await engine.dispose();
  }
}

const chainOfProducts: Program = (ops, { Wh }) => {
  let h = Wh;
  for (let i = 0; i < products; i++) h = ops.matmul(h, Wh);
  return { tensors: { h: ops.columnSums(h) } };
};
