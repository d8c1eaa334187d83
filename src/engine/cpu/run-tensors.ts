/** Where the tensors of a run lie: results, and copies of what cannot be read as it lies. */
import type { GradientOptions } from '../../tensor/ops.js';
import { plainTensor, type Tensor } from './arena.js';
import { RoundedOperands } from './rounded-operands.js';
import type { RunContext } from './run-context.js';

export class RunTensors {
  /** Null where products take float32. */
  private readonly rounded: RoundedOperands | null;

  constructor(private readonly context: RunContext) {
    const { arena, kernels, plan, products } = context;
    this.rounded = products.operands === 'bf16' ? new RoundedOperands(arena, kernels, plan) : null;
  }

  /** @param capacityRows rows that the block has room for, so that a larger tensor can have it later */
  allocate(rows: number, columns: number, capacityRows = rows): Tensor {
    const tensor = this.context.arena.tensor(rows, columns, capacityRows);
    this.overwritten(tensor);
    return tensor;
  }

  /** As `allocate`; a parameter's gradient lies in its slot. */
  result(rows: number, columns: number, { gradientOf }: GradientOptions, capacityRows = rows): Tensor {
    if (gradientOf === undefined) return this.allocate(rows, columns, capacityRows);
    return plainTensor(this.context.gradientSlot(gradientOf), rows, columns);
  }

  /** What a time step puts out under this name, where those of all steps lie packed; for no step, -1, as `allocate`. */
  ofStep(name: string, step: number, rows: number, columns: number): Tensor {
    const { arena, plan } = this.context;
    return step >= 0 ? arena.laneRows(name, plan, step, columns) : this.allocate(rows, columns);
  }

  /** The tensor itself, or a copy of what it is a view of. */
  plain(a: Tensor): Tensor {
    if (!a.index) return a;
    const { kernels, plan } = this.context;
    const out = { ...this.allocate(a.rows, a.columns, plan.rows), step: a.step };
    kernels.gatherRows(a.offset, a.index, a.rows, a.columns, out.offset);
    return out;
  }

  /** Gives `use` the byte offset of the tensor, or of a copy of what it is a view of, which is free afterwards. */
  reading(a: Tensor, use: (at: number) => void): void {
    const plain = this.plain(a);
    use(plain.offset);
    if (plain !== a) this.context.arena.release(plain);
  }

  /** Byte offset at which a product reads this tensor. */
  operand(tensor: Tensor): number {
    const plain = this.plain(tensor);
    return this.rounded ? this.rounded.of(plain) : plain.offset;
  }

  /** To be called when other values come to lie where the tensor does. */
  overwritten({ offset }: Tensor): void {
    this.rounded?.forget(offset);
  }

  /** To be called where the tensors of all time steps are one as they lie. */
  packed(steps: readonly Tensor[], packed: Tensor): void {
    this.rounded?.pack(steps, packed);
  }
}
