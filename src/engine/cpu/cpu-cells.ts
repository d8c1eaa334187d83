/** Fused time steps of the RNN and the LSTM on tensors in the shared memory. */
import type { Tensor } from './arena.js';
import type { RunContext } from './run-context.js';
import type { RunTensors } from './run-tensors.js';

export class CpuCells {
  constructor(
    private readonly context: RunContext,
    private readonly tensors: RunTensors,
  ) {}

  rnnCell(x: Tensor, recurrent: Tensor): Tensor {
    const { arena, kernels } = this.context;
    const h = this.tensors.ofStep('h', x.step, recurrent.rows, recurrent.columns);
    kernels.rnnCell(x.offset, this.indexOf(x), recurrent.offset, h.offset, h.rows, h.columns);
    arena.release(x);
    arena.release(recurrent);
    return h;
  }

  rnnCellBackward(h: Tensor, dh: Tensor, dhNext: Tensor | null): Tensor {
    const { arena, kernels } = this.context;
    const da = this.tensors.ofStep('da', h.step, h.rows, h.columns);
    const next = dhNext ? dhNext.offset : 0;
    kernels.rnnCellBackward(h.offset, dh.offset, next, dhNext?.rows ?? 0, da.offset, h.rows, h.columns);
    if (dhNext) arena.release(dhNext);
    return da;
  }

  lstmCell(x: Tensor, recurrent: Tensor, prevC: Tensor): { h: Tensor; c: Tensor; gates: Tensor } {
    const { arena, kernels } = this.context;
    const { rows } = recurrent;
    const H = prevC.columns;
    const gates = { ...recurrent, step: x.step };
    const c = this.tensors.allocate(rows, H);
    const h = this.tensors.ofStep('h', x.step, rows, H);
    kernels.lstmCell(x.offset, this.indexOf(x), gates.offset, prevC.offset, c.offset, h.offset, rows, H);
    arena.release(x);
    return { h, c, gates };
  }

  lstmCellBackward(
    gates: Tensor,
    prevC: Tensor,
    c: Tensor,
    dh: Tensor,
    dhNext: Tensor | null,
    dcNext: Tensor | null,
  ): { da: Tensor; dc: Tensor } {
    const { arena, kernels, plan } = this.context;
    const { rows, columns: H } = c;
    const da = this.tensors.ofStep('da', gates.step, rows, 4 * H);
    const dc = this.tensors.allocate(rows, H, plan.rows);
    kernels.lstmCellBackward(
      gates.offset,
      prevC.offset,
      c.offset,
      dh.offset,
      dhNext ? dhNext.offset : 0,
      dcNext ? dcNext.offset : 0,
      dhNext?.rows ?? 0,
      da.offset,
      dc.offset,
      rows,
      H,
    );
    if (dhNext) arena.release(dhNext);
    if (dcNext) arena.release(dcNext);
    return { da, dc };
  }

  /** The index through which a cell reads its input rows. */
  private indexOf(x: Tensor): number {
    return x.index || this.context.counting;
  }
}
