/** Copies in bfloat16 of the tensors that products read, each made once a run. */
import type { StepPlan } from '../../tensor/step-plan.js';
import type { Arena, Tensor } from './arena.js';
import type { Kernels } from './kernels.js';

interface Copy {
  /** Elements. */
  readonly size: number;
  /** Byte offset of the copy. */
  readonly at: number;
}

export class RoundedOperands {
  /** By offset of the float32 tensor. */
  private readonly copies = new Map<number, Copy>();

  constructor(
    private readonly arena: Arena,
    private readonly kernels: Kernels,
    private readonly plan: StepPlan,
  ) {}

  /** Byte offset of a copy of the tensor, which must not change any more. */
  of(tensor: Tensor): number {
    const { offset, columns, lane, step } = tensor;
    const known = this.copies.get(offset);
    if (known && known.size >= tensor.rows * columns) return known.at;
    // A time step's rows are rounded whole, even if fewer are read now, and into a lane as well.
    const inLane = lane !== null && columns % 2 === 0;
    const size = (lane ? this.plan.live[step]! : tensor.rows) * columns;
    const at = inLane
      ? this.arena.laneRows(`${lane.name} rounded`, this.plan, step, columns / 2).offset
      : this.arena.take(size * 2);
    this.kernels.toBf16(offset, size, at, size, 1, size);
    this.copies.set(offset, { size, at });
    return at;
  }

  /** Makes the copies of time steps that lie one after another the copy of the tensor that packs them. */
  pack(steps: readonly Tensor[], packed: Tensor): void {
    if (!this.copies.has(packed.offset)) return;
    const first = this.of(steps[0]!);
    const { columns } = packed;
    const together = steps.every((step, t) => this.of(step) === first + this.plan.offset[t]! * columns * 2);
    if (together) this.copies.set(packed.offset, { size: packed.rows * columns, at: first });
  }

  /** To be called when other values come to lie at this offset. */
  forget(offset: number): void {
    this.copies.delete(offset);
  }
}
