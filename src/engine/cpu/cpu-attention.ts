/** Time steps of attention on tensors in the shared memory. */
import type { AttentionGradients, AttentionMemory, AttentionStep } from '../../tensor/ops.js';
import type { Tensor } from './arena.js';
import type { RunContext } from './run-context.js';
import type { RunTensors } from './run-tensors.js';

export class CpuAttention {
  /** Exponentials of twice the projection, by its offset: each is taken once a run. */
  private readonly exponentials = new Map<number, number>();

  constructor(
    private readonly context: RunContext,
    private readonly tensors: RunTensors,
  ) {}

  attend(memory: AttentionMemory<Tensor>, query: Tensor, gate: Tensor, t: number): AttentionStep<Tensor> {
    const { arena, kernels, plan } = this.context;
    const { positions: L, grid, projected, scorer } = memory;
    const weights = arena.laneRows('weights', plan, t, L);
    const context = arena.laneRows('context', plan, t, grid.columns);
    const scratch = arena.tensor(1, projected.columns);
    kernels.attend(
      projected.offset,
      this.exponentialsOf(projected),
      grid.offset,
      scorer.offset,
      query.offset,
      gate.offset,
      weights.offset,
      context.offset,
      query.rows,
      L,
      projected.columns,
      grid.columns,
      scratch.offset,
    );
    arena.release(scratch);
    return { query, gate, context, weights };
  }

  attendBackward(
    { positions: L, grid, projected, scorer }: AttentionMemory<Tensor>,
    { query, gate, context, weights }: AttentionStep<Tensor>,
    dcontext: Tensor,
    dweights: Tensor | null,
    dprojectedNext: Tensor | null,
    t: number,
  ): AttentionGradients<Tensor> {
    const { arena, kernels, plan } = this.context;
    const { rows, columns: A } = query;
    const dquery = arena.laneRows('dquery', plan, t, A);
    const dgate = arena.laneRows('dgate', plan, t, 1);
    const dscorer = arena.laneRows('dscorer', plan, t, A);
    // The rows of the next time step stay where they are, and those of captions that end here come behind them.
    const { offset, block } = dprojectedNext ?? this.tensors.allocate(plan.rows * L, A);
    const dprojected = { ...dquery, offset, block, rows: rows * L, step: -1, lane: null };
    const scratch = arena.tensor(1, 2 * (A + 3) + L);
    kernels.attendBackward(
      projected.offset,
      this.exponentialsOf(projected),
      grid.offset,
      scorer.offset,
      query.offset,
      gate.offset,
      weights.offset,
      context.offset,
      dcontext.offset,
      dweights ? dweights.offset : 0,
      dquery.offset,
      dgate.offset,
      dscorer.offset,
      dprojected.offset,
      dprojectedNext ? dprojectedNext.rows / L : 0,
      rows,
      L,
      A,
      grid.columns,
      scratch.offset,
    );
    arena.release(scratch);
    return { dquery, dgate, dscorer, dprojected };
  }

  /** @returns the loss and its gradient by the weights (M,L) */
  coverageLoss(weights: Tensor, factor: number): { loss: number; dweights: Tensor } {
    const { arena, kernels, plan, weights: captionWeights } = this.context;
    const { live, offset, steps } = plan;
    const L = weights.columns;
    const rows = live[0]!;
    const sums = arena.tensor(rows, L);
    kernels.zero(sums.offset, rows * L * 4);
    for (let t = 0; t < steps; t++) {
      kernels.addTo(sums.offset, weights.offset + offset[t]! * L * 4, live[t]! * L);
    }
    const loss = kernels.coverageLoss(sums.offset, captionWeights, factor, rows, L);
    const dweights = arena.tensor(weights.rows, L);
    for (let t = 0; t < steps; t++) {
      kernels.copy(sums.offset, dweights.offset + offset[t]! * L * 4, live[t]! * L * 4);
    }
    return { loss, dweights };
  }

  private exponentialsOf({ offset, rows, columns }: Tensor): number {
    const { arena, kernels } = this.context;
    let at = this.exponentials.get(offset);
    if (at === undefined) {
      at = arena.tensor(rows, columns).offset;
      kernels.expTwice(offset, at, rows * columns);
      this.exponentials.set(offset, at);
    }
    return at;
  }
}
