/** The fastest matrix product that an engine can do on one core of this machine, to hold training against. */
import { createEngine, type EngineChoice, precisionOf, prepareProcess, reservedBytes } from '../../engine/select.js';
import { allocateSharedMemory, parametersOf } from '../../engine/shared-memory.js';
import { layoutOf } from '../../tensor/layout.js';
import { type ProgramSpec, parameter } from '../../tensor/model-spec.js';
import { decodingPlan } from '../../tensor/step-plan.js';

const products = 4;
const rounds = 5;
/** Milliseconds after which no further round begins. */
const longEnough = 2000;

/** Rows and columns of the matrices; plain TypeScript would take minutes for large ones. */
function sizeFor({ name }: EngineChoice): number {
  return name === 'reference' ? 192 : 1024;
}

/** Operations a second of products of square matrices, the best of a few rounds. Takes a few seconds at most. */
export async function measurePeak(choice: EngineChoice): Promise<number> {
  prepareProcess(choice);
  const size = sizeFor(choice);
  const layout = layoutOf([parameter('square', [size, size], 'zeros')]);
  const memory = allocateSharedMemory({
    layout,
    precision: precisionOf(choice),
    shards: 1,
    arenaBytes: (products + 2) * size * size * 8,
    firstByte: reservedBytes(choice),
  });
  parametersOf(memory).fill(1 / size);
  const engine = await createEngine(choice, memory);
  try {
    const executable = engine.prepare(chainOfProducts, { rows: 1, steps: 1 });
    const request = { shard: 0, plan: decodingPlan(Int32Array.of(4)), inputs: {} };
    let best = Number.POSITIVE_INFINITY;
    const begun = performance.now();
    for (let round = 0; round <= rounds && (round === 0 || performance.now() - begun < longEnough); round++) {
      const start = performance.now();
      await executable.run(request);
      best = Math.min(best, performance.now() - start);
    }
    return (products * 2 * size ** 3 * 1000) / best;
  } finally {
    await engine.dispose();
  }
}

const chainOfProducts: ProgramSpec = {
  inputs: {},
  hasGradients: false,
  run(ops, { square }) {
    let product = square!;
    for (let i = 0; i < products; i++) product = ops.matmul(product, square!);
    return { tensors: { sums: ops.columnSums(product) } };
  },
};
