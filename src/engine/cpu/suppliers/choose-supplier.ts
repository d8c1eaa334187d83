/** Which supplier of matrix products a run takes on this machine. */
import { UserError } from '../../../errors.js';
import type { EngineWanted } from '../../engine-wanted.js';
import { bestInstructionSet } from '../kernels.js';
import { libraryTitles, type NativeLibrary } from './blas/blas-library.js';
import { hasBf16, thisProcessor } from './blas/installed.js';
import { type MeasuredSupplier, measuredSuppliers } from './measured-suppliers.js';
import { type CpuChoice, isFusedChain, type Supplier, supplierTitle } from './supplier.js';

export type CpuWanted = Extract<EngineWanted, { name: 'cpu' }>;

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
 * The fastest supplier that fits what is wanted, or the recorded one, or else one that gives its bits, where that fits too
 * and still works here.
 *
 * @throws UserError when the config asks for a library or a precision that this machine does not have
 */
export async function chooseSupplier(wanted: CpuWanted, recorded?: CpuChoice): Promise<ChosenSupplier> {
  const measured = await measuredSuppliers();
  const fitting = measured.filter((each) => fits(each, wanted));
  const working = fitting.filter((each) => each.milliseconds !== null);
  if (recorded && fitting.some((each) => isRecorded(each, recorded))) {
    return { choice: { ...recorded, instructionSet: bestInstructionSet() }, notes: [] };
  }
  const sameBits = recorded && working.find(givesBitsOf(recorded));
  if (sameBits) return { choice: choiceOf(sameBits), notes: [] };
  const shortest = Math.min(...working.map(({ milliseconds }) => milliseconds!));
  // WebAssembly needs nothing of the machine, so that it is taken even where its measurement was cut short.
  const best =
    working.find(({ milliseconds }) => milliseconds! <= shortest * noise) ??
    fitting.find(({ supplier }) => supplier.library === 'wasm');
  if (!best) throw new UserError(whyNone(wanted, fitting));
  const notes: string[] = [];
  for (const { supplier, precision, reason } of fitting) {
    // Kernels and layouts that a library lacks are no news; a library that does not work at all is.
    if (reason !== null && isWhole(supplier)) {
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

/** Not one of several ways to use a library. */
function isWhole(supplier: Supplier): boolean {
  return !('path' in supplier) || (!supplier.kernels && supplier.blockedWeights === 'none');
}

function choiceOf({ supplier, precision }: MeasuredSupplier): CpuChoice {
  return { name: 'cpu', precision, supplier, instructionSet: bestInstructionSet() };
}

function fits({ supplier, precision }: MeasuredSupplier, wanted: CpuWanted): boolean {
  if (precision !== wanted.precision) return false;
  if (wanted.blas === 'auto') return true;
  return supplier.library === (wanted.blas === 'none' ? 'wasm' : wanted.blas);
}

function givesBitsOf(recorded: CpuChoice): (supplier: MeasuredSupplier) => boolean {
  return (supplier) => isFusedChain(recorded) && isFusedChain(choiceOf(supplier));
}

/** Whether it is the recorded one and works, or could not be measured just now: what is loaded is compared then. */
function isRecorded({ supplier, precision, reason, passing }: MeasuredSupplier, recorded: CpuChoice): boolean {
  if (precision !== recorded.precision || supplier.library !== recorded.supplier.library) return false;
  if (passing)
    return !('path' in supplier) || ('path' in recorded.supplier && supplier.path === recorded.supplier.path);
  return reason === null && JSON.stringify(supplier) === JSON.stringify(recorded.supplier);
}

function whyNone({ blas, precision }: CpuWanted, fitting: readonly MeasuredSupplier[]): string {
  const failed = fitting[0];
  const again = fitting.some(({ passing }) => passing) ? ' It is measured again at the next call.' : '';
  if (failed) {
    return `engine.${precision === 'bf16' ? 'precision: bf16' : `blas: ${blas}`} does not work here: ${failed.reason}.${again}`;
  }
  if (precision === 'bf16') {
    const processor = thisProcessor();
    const use = 'Use precision: float32.';
    if (blas !== 'auto' && blas !== 'onednn') return `engine.precision: bf16 needs blas: onednn or auto, not ${blas}.`;
    return hasBf16(processor)
      ? `engine.precision: bf16 needs the library oneDNN, which is not installed (on Debian or Ubuntu: the package named libdnnl and a number). ${use}`
      : `engine.precision: bf16 needs a processor with AVX512-BF16 or AMX; this one (${processor.model}) has neither. ${use}`;
  }
  const title = blas in libraryTitles ? libraryTitles[blas as NativeLibrary] : blas;
  return (
    `engine.blas: ${blas}, but ${title} is not installed. Install it, name its folder in RECAP_BLAS_PATH, or use ` +
    'blas: auto.'
  );
}
