/** Which supplier of matrix products a run takes on this machine. */
import type { EngineConfig } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { libraryTitles } from './blas/blas-library.js';
import { hasBf16, thisProcessor } from './blas/installed.js';
import { bestInstructionSet } from './kernels.js';
import { type MeasuredSupplier, measuredSuppliers } from './measured-suppliers.js';
import { type CpuChoice, supplierTitle } from './supplier.js';

export type CpuWanted = Extract<EngineConfig, { name: 'cpu' }>;

export interface ChosenSupplier {
  readonly choice: CpuChoice;
  readonly notes: readonly string[];
}

/**
 * Times this close count as equal, and then the first in the list is taken, so that measuring again, where the result
 * could not be kept, comes to the same choice.
 */
const noise = 1.06;

/**
 * The fastest supplier that fits what is wanted, or the recorded one where it fits too and still works here.
 *
 * @throws UserError when the config asks for a library or a precision that this machine does not have
 */
export async function chooseSupplier(wanted: CpuWanted, recorded?: CpuChoice): Promise<ChosenSupplier> {
  const measured = await measuredSuppliers();
  const fitting = measured.filter((each) => fits(each, wanted));
  const working = fitting.filter((each) => each.milliseconds !== null);
  const again = recorded && working.find((each) => isRecorded(each, recorded));
  if (again) return { choice: choiceOf(again), notes: [] };
  const shortest = Math.min(...working.map(({ milliseconds }) => milliseconds!));
  const best = working.find(({ milliseconds }) => milliseconds! <= shortest * noise);
  if (!best) throw new UserError(whyNone(wanted, fitting));
  const notes: string[] = [];
  for (const { supplier, precision, reason } of fitting) {
    // Kernels and layouts that a library lacks are no news; a library that does not work at all is.
    if (reason !== null && supplier.library !== 'wasm' && !supplier.kernels && supplier.blockedWeights === 'none') {
      notes.push(`${supplierTitle({ precision, supplier })} is not used: ${reason}.`);
    }
  }
  if (best.supplier.library === 'wasm' && wanted.blas === 'auto') {
    notes.push(
      'No native library of matrix products works here, so the built-in WebAssembly is used. One would be several times ' +
        'faster: oneDNN, OpenBLAS, MKL or BLIS (on Debian or Ubuntu: apt install libopenblas0).',
    );
  }
  return { choice: choiceOf(best), notes };
}

function choiceOf({ supplier, precision }: MeasuredSupplier): CpuChoice {
  return { name: 'cpu', precision, supplier, instructionSet: bestInstructionSet() };
}

function fits({ supplier, precision }: MeasuredSupplier, wanted: CpuWanted): boolean {
  if (precision !== wanted.precision) return false;
  if (wanted.blas === 'auto') return true;
  return supplier.library === (wanted.blas === 'none' ? 'wasm' : wanted.blas);
}

function isRecorded({ supplier, precision }: MeasuredSupplier, recorded: CpuChoice): boolean {
  return JSON.stringify([supplier, precision]) === JSON.stringify([recorded.supplier, recorded.precision]);
}

function whyNone({ blas, precision }: CpuWanted, fitting: readonly MeasuredSupplier[]): string {
  const failed = fitting[0];
  if (failed) {
    return `engine.${precision === 'bf16' ? 'precision: bf16' : `blas: ${blas}`} does not work here: ${failed.reason}.`;
  }
  if (precision === 'bf16') {
    const processor = thisProcessor();
    const use = 'Use precision: float32.';
    if (blas !== 'auto' && blas !== 'onednn') return `engine.precision: bf16 needs blas: onednn or auto, not ${blas}.`;
    return hasBf16(processor)
      ? `engine.precision: bf16 needs the library oneDNN, which is not installed (on Debian or Ubuntu: the package named libdnnl and a number). ${use}`
      : `engine.precision: bf16 needs a processor with AVX512-BF16 or AMX; this one (${processor.model}) has neither. ${use}`;
  }
  const title = blas === 'auto' || blas === 'none' ? blas : libraryTitles[blas];
  return (
    `engine.blas: ${blas}, but ${title} is not installed. Install it, name its folder in RECAP_BLAS_PATH, or use ` +
    'blas: auto.'
  );
}
