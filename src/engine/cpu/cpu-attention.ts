/** Time steps of attention on tensors in the shared memory. */
import type { AttentionGradients, AttentionMemory, AttentionStep } from '../../tensor/ops.js';
import type { StepPlan } from '../../tensor/step-plan.js';
import type { Arena, Tensor } from './arena.js';
import type { Kernels } from './kernels.js';

export class CpuAttention {
  /** Exponentials of twice the projection, by its offset: each is taken once a run. */
  private readonly exponentials = new Map<number, number>();

  constructor(
    private readonly arena: Arena,
    private readonly kernels: Kernels,
    private readonly plan: StepPlan,
    /** A tensor that products may read. */
    private readonly allocate: (rows: number, columns: number) => Tensor,
  ) {}

  attend(memory: AttentionMemory<Tensor>, query: Tensor, gate: Tensor, t: number): AttentionStep<Tensor> {
    const { positions: L, grid, projected, scorer } = memory;
    const weights = this.arena.laneRows('weights', this.plan, t, L);
    const context = this.arena.laneRows('context', this.plan, t, grid.columns);
    const scratch = this.arena.tensor(1, projected.columns);
    this.kernels.attend(
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
    this.arena.release(scratch);
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
    const { rows, columns: A } = query;
    const dquery = this.arena.laneRows('dquery', this.plan, t, A);
    const dgate = this.arena.laneRows('dgate', this.plan, t, 1);
    const dscorer = this.arena.laneRows('dscorer', this.plan, t, A);
    // The rows of the next time step stay where they are, and those of captions that end here come behind them.
    const { offset, block } = dprojectedNext ?? this.allocate(this.plan.rows * L, A);
    const dprojected = { ...dquery, offset, block, rows: rows * L, step: -1, lane: null };
    const scratch = this.arena.tensor(1, 2 * (A + 3) + L);
    this.kernels.attendBackward(
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
    this.arena.release(scratch);
    return { dquery, dgate, dscorer, dprojected };
  }

  /**
   * @param captionWeights byte offset of the plan's weights, 0 where it has none
   * @returns the loss and its gradient by the weights (M,L)
   */
  coverageLoss(weights: Tensor, captionWeights: number, factor: number): { loss: number; dweights: Tensor } {
    const { live, offset, steps } = this.plan;
    const L = weights.columns;
    const rows = live[0]!;
    const sums = this.arena.tensor(rows, L);
    this.kernels.zero(sums.offset, rows * L * 4);
    for (let t = 0; t < steps; t++) {
      this.kernels.addTo(sums.offset, weights.offset + offset[t]! * L * 4, live[t]! * L);
    }
    const loss = this.kernels.coverageLoss(sums.offset, captionWeights, factor, rows, L);
    const dweights = this.arena.tensor(weights.rows, L);
    for (let t = 0; t < steps; t++) {
      this.kernels.copy(sums.offset, dweights.offset + offset[t]! * L * 4, live[t]! * L * 4);
    }
    return { loss, dweights };
  }

  private exponentialsOf({ offset, rows, columns }: Tensor): number {
    let at = this.exponentials.get(offset);
    if (at === undefined) {
      at = this.arena.tensor(rows, columns).offset;
      this.kernels.expTwice(offset, at, rows * columns);
      this.exponentials.set(offset, at);
    }
    return at;
  }
}
