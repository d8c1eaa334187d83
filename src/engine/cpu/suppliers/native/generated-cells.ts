/** Fused time steps of the LSTM and the RNN by generated code. */

import { baseAddress } from '../../../../foreign/koffi.js';
import type { Kernels } from '../../kernels.js';
import { type GeneratedSet, loadGeneratedCells } from './generated-kernels.js';

export type CellKernels = Pick<Kernels, 'rnnCell' | 'lstmCell' | 'lstmCellBackward'>;

/**
 * The same bits as those of WebAssembly with relaxed SIMD, with every set; of what is no number, the payload may differ.
 *
 * @param wasm computes what no program is made for: a gradient that comes from the next step without its other half
 * @param memory kept alive by the caller for as long as the kernels are in use
 */
export function generatedCells(
  set: GeneratedSet,
  memory: WebAssembly.Memory,
  wasm: Pick<Kernels, 'lstmCellBackward'>,
): CellKernels {
  const code = loadGeneratedCells(set);
  const base = baseAddress(memory);
  return {
    rnnCell(x, inputOf, r, h, rows, H) {
      code.rnnCell(base + x, base + r, base + h, base + inputOf, rows, H);
    },
    lstmCell(x, inputOf, gates, prevC, c, h, rows, H) {
      code.lstmCell(base + x, base + gates, base + prevC, base + c, base + h, base + inputOf, rows, H);
    },
    lstmCellBackward(gates, prevC, c, dh, dhNext, dcNext, nextRows, da, dc, rows, H) {
      if ((dhNext === 0) !== (dcNext === 0)) {
        wasm.lstmCellBackward(gates, prevC, c, dh, dhNext, dcNext, nextRows, da, dc, rows, H);
        return;
      }
      const common = dhNext ? Math.min(nextRows, rows) : 0;
      if (common > 0) {
        const next = [dh, dhNext, dcNext, da, dc].map((at) => base + at);
        code.lstmBackwardNext(base + gates, base + prevC, base + c, ...next, common, H);
      }
      const row = base + common * H * 4;
      const fourRows = base + common * H * 16;
      code.lstmBackward(fourRows + gates, row + prevC, row + c, row + dh, fourRows + da, row + dc, rows - common, H);
    },
  };
}
