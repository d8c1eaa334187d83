/** Masks of dropout on tensors in the shared memory. */
import { type Draws, keyOf, thresholdOf } from '../../tensor/draws.js';
import { type DropoutMask, keptScale, type MaskRows, rowAddresses } from '../../tensor/dropout-mask.js';
import type { Tensor } from './arena.js';
import type { RunContext } from './run-context.js';

export class CpuDropout {
  /** Byte offsets of where the rows of masks stand in the minibatch, placed once a run. */
  private readonly addresses = new Map<MaskRows, { readonly rows: number; readonly positions: number }>();

  constructor(private readonly context: RunContext) {}

  /** Fills `out` with the mask. */
  mask({ place, probability, of, columns }: DropoutMask, out: Tensor): Tensor {
    const { draws, kernels } = this.context;
    if (!draws) throw new Error(`a run without random numbers asks for the mask of ${place}`);
    const { rows, positions } = this.addressesOf(of, draws);
    const [key0, key1] = keyOf(draws, place);
    const threshold = thresholdOf(probability);
    const scale = keptScale(probability);
    kernels.dropoutMask(rows, positions, out.rows, columns, key0, key1, draws.step, threshold, scale, out.offset);
    return out;
  }

  private addressesOf(of: MaskRows, draws: Draws): { readonly rows: number; readonly positions: number } {
    let placed = this.addresses.get(of);
    if (!placed) {
      const { plan, placeIntegers } = this.context;
      const { rows, positions } = rowAddresses(plan, draws, of);
      placed = { rows: placeIntegers(rows), positions: placeIntegers(positions) };
      this.addresses.set(of, placed);
    }
    return placed;
  }
}
