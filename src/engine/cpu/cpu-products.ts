/** Matrix products on tensors in the shared memory, with weights laid out beforehand where that pays. */
import type { MatmulOptions } from '../../tensor/ops.js';
import { plainTensor, type Tensor } from './arena.js';
import type { RunContext } from './run-context.js';
import type { RunTensors } from './run-tensors.js';
import type { WeightUse } from './suppliers/products.js';

/** Time steps of a plan from which on it pays to prepare weights. */
const preparedFrom = 3;

export class CpuProducts {
  /** Prepared weights that every time step of this run uses, by offset of the plain matrix and way of use. */
  private readonly prepared = new Map<string, Tensor>();
  /** Blocks of weights that were prepared for one product. Apart from tensors, whose sizes go by the captions that come. */
  private readonly spareWeights: Tensor[] = [];

  constructor(
    private readonly context: RunContext,
    private readonly tensors: RunTensors,
  ) {}

  multiply(a: Tensor, b: Tensor, options: MatmulOptions<Tensor>): Tensor {
    const { plan, products } = this.context;
    const { transposeA = false, transposeB = false, bias } = options;
    const M = transposeA ? a.columns : a.rows;
    const K = transposeA ? a.rows : a.columns;
    const N = transposeB ? b.rows : b.columns;
    if (K !== (transposeB ? b.columns : b.rows)) {
      throw new Error(`matmul of (${M},${K}) and (${transposeB ? b.columns : b.rows},${N})`);
    }
    const everyStep = a.step >= 0;
    // What a time step hands to the next has fewer rows than the next one's, which takes over its block.
    const capacity = everyStep && transposeB ? plan.rows : M;
    const c = this.tensors.result(M, N, options, capacity);
    const biasOffset = bias ? bias.offset : 0;
    const scratch = this.scratchFor(M, N, K);
    const aOffset = this.tensors.operand(a);
    const use = { transposeB, everyStep };
    const byWeights = !transposeA && plan.steps >= preparedFrom && this.context.isParameter(b);
    const prepared = byWeights ? this.preparedWeights(b, use, N, K) : null;
    if (prepared) {
      products.multiplyPrepared(transposeB, M, N, K, aOffset, prepared.offset, c.offset, biasOffset, scratch);
      if (!everyStep) this.spareWeights.push(prepared);
    } else {
      const bOffset = this.tensors.operand(b);
      products.multiply(transposeA, transposeB, M, N, K, aOffset, bOffset, c.offset, biasOffset, scratch);
    }
    return c;
  }

  private scratchFor(M: number, N: number, K: number): number {
    const bytes = this.context.products.scratchBytes(M, N, K);
    if (bytes > this.context.scratchBytes) {
      throw new Error(`A product (${M},${K})·(${K},${N}) is larger than any that was planned for.`);
    }
    return this.context.scratch;
  }

  /** Kept for the run where every time step uses them, otherwise in a block that the caller makes spare. */
  private preparedWeights(b: Tensor, use: WeightUse, N: number, K: number): Tensor | null {
    const { arena, products } = this.context;
    const bytes = products.preparedBytes(use, N, K);
    if (bytes === 0) return null;
    const key = `${b.offset} ${use.transposeB}`;
    const kept = use.everyStep ? this.prepared.get(key) : undefined;
    if (kept) return kept;
    const spare = this.spareWeights.findIndex(({ block }) => block >= bytes);
    const [prepared = { ...plainTensor(arena.take(bytes), N, K), block: bytes }] =
      spare < 0 ? [] : this.spareWeights.splice(spare, 1);
    products.prepare(use.transposeB, N, K, this.tensors.operand(b), prepared.offset);
    if (use.everyStep) this.prepared.set(key, prepared);
    return prepared;
  }
}
