/**
 * Which supplier of matrix products a run takes on this machine: the kernels that recap generates, and where it can
 * generate none for the precision that is wanted, an installed library, and where there is none, WebAssembly. (Only
 * bfloat16 on a processor with AMX, which recap generates nothing for, is oneDNN's first.)
 *
 * Nothing is measured, so that the same machine always comes to the same choice, and so do all on which kernels can be
 * generated.
 */
import { UserError } from '../../../errors.js';
import type { EngineWanted } from '../../engine-wanted.js';
import { bestInstructionSet } from '../kernels.js';
import { hasAmx, hasBf16, installedLibraries, thisProcessor } from './blas/installed.js';
import { libraryPrecision, libraryTitles, type NativeLibrary, nativeLibraries } from './blas/library.js';
import { generationSupport } from './native/generated-kernels.js';
import type { ElementType } from './products.js';
import { type CpuChoice, isFusedChain, isSame, type LibrarySupplier, load, type Supplier } from './supplier.js';

export type CpuWanted = Extract<EngineWanted, { name: 'cpu' }>;

export interface ChosenSupplier {
  readonly choice: CpuChoice;
  readonly notes: readonly string[];
}

/** What supplies products here, or why it does not. */
export type Trial = { readonly supplier: Supplier } | { readonly reason: string };

/**
 * @param recorded what computed a run so far: taken again where only it goes on to the bit, and it fits and still works
 * @throws UserError when the config asks for a supplier or a precision that this machine does not have
 */
export function chooseSupplier(wanted: CpuWanted, recorded?: CpuChoice): ChosenSupplier {
  const asked = askedFor(wanted);
  const notes: string[] = [];
  if (asked !== wanted.blas) {
    notes.push(`engine.blas: ${wanted.blas} is not supported any more, and taken as ${asked}.`);
  }
  const libraries = candidates(asked, wanted.precision);
  const again = recorded && recordedAgain(recorded, libraries, wanted.precision);
  const reasons: string[] = [];
  for (const library of libraries) {
    const trial = tryLibrary(library, wanted.precision);
    if ('reason' in trial) {
      reasons.push(trial.reason);
      continue;
    }
    const choice = choiceOf(trial.supplier, wanted.precision);
    if (again && !(isFusedChain(again) && isFusedChain(choice))) return { choice: again, notes };
    if (trial.supplier.library === 'wasm' && asked === 'auto') notes.push(slowNote(reasons[0]));
    return { choice, notes };
  }
  throw new UserError(whyNone(wanted, reasons));
}

/** What stands for libraries that the generated kernels have made needless; configs that name one go on. */
function askedFor({ blas, precision }: CpuWanted): Exclude<CpuWanted['blas'], 'blis' | 'mkl'> {
  if (blas === 'blis' || blas === 'mkl') return 'auto';
  return blas === 'onednn' && precision === 'float32' ? 'auto' : blas;
}

/** In order of preference. */
function candidates(
  asked: Exclude<CpuWanted['blas'], 'blis' | 'mkl'>,
  precision: ElementType,
): readonly Supplier['library'][] {
  if (asked === 'none') return precision === 'float32' ? ['wasm'] : [];
  if (precision === 'bf16' && !hasBf16(thisProcessor())) return [];
  if (asked === 'native') return ['native'];
  const libraries = nativeLibraries.filter((library) => libraryPrecision[library] === precision);
  if (asked !== 'auto') return libraries.filter((library) => library === asked);
  if (precision === 'bf16' && hasAmx(thisProcessor())) return [...libraries, 'native'];
  return ['native', ...libraries, ...(precision === 'float32' ? (['wasm'] as const) : [])];
}

/** Tries whether it works in this process, where it stays loaded. Of the files of a library, the first that works is taken. */
export function tryLibrary(library: Supplier['library'], precision: ElementType): Trial {
  if (library === 'wasm') return { supplier: { library } };
  if (library === 'native') {
    const { reason } = generationSupport(precision);
    return reason === null ? { supplier: { library } } : { reason };
  }
  const installed = installedLibraries().filter((each) => each.library === library);
  const reasons: string[] = [];
  for (const { path } of installed) {
    try {
      const { version, kernels } = load({ library, path, kernels: '' });
      return { supplier: { library, path, version, kernels } };
    } catch (error) {
      reasons.push(`${libraryTitles[library]}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  return { reason: reasons[0] ?? `${libraryTitles[library]} is not installed` };
}

/** The recorded choice with the instructions that are here, or null where it does not fit or work any more. */
function recordedAgain(
  recorded: CpuChoice,
  libraries: readonly Supplier['library'][],
  precision: ElementType,
): CpuChoice | null {
  const { supplier } = recorded;
  if (recorded.precision !== precision || !libraries.includes(supplier.library)) return null;
  const works = 'path' in supplier ? isStillThere(supplier) : 'supplier' in tryLibrary(supplier.library, precision);
  return works ? { ...recorded, instructionSet: bestInstructionSet() } : null;
}

function isStillThere(supplier: LibrarySupplier): boolean {
  // Only a file that would be found anyway: what a run's folder names is not loaded because it is named there.
  const isInstalled = installedLibraries().some(
    ({ library, path }) => library === supplier.library && path === supplier.path,
  );
  if (!isInstalled) return false;
  try {
    return isSame(load(supplier), supplier);
  } catch {
    return false;
  }
}

function choiceOf(supplier: Supplier, precision: ElementType): CpuChoice {
  return { name: 'cpu', precision, supplier, instructionSet: bestInstructionSet() };
}

function slowNote(reason: string | undefined): string {
  const advice =
    process.platform === 'linux' ? ' (on Debian or Ubuntu: apt install libopenblas0)' : ', such as OpenBLAS';
  return (
    `Matrix products are computed by the built-in WebAssembly, because ${reason ?? 'nothing faster is here'} and no native ` +
    `library is installed. One would be about twice as fast${advice}.`
  );
}

function whyNone({ blas, precision }: CpuWanted, reasons: readonly string[]): string {
  if (precision === 'bf16') {
    const use = 'Use precision: float32.';
    if (blas !== 'auto' && blas !== 'onednn' && blas !== 'native')
      return `engine.precision: bf16 needs blas: native, onednn or auto, not ${blas}.`;
    const processor = thisProcessor();
    if (!hasBf16(processor)) {
      return `engine.precision: bf16 needs a processor with AVX512-BF16 or AMX; this one (${processor.model}) has neither. ${use}`;
    }
    return `engine.precision: bf16 with blas: ${blas} does not work here: ${reasons.join('; ')}. ${use}`;
  }
  if (!(blas in libraryTitles)) return `engine.blas: ${blas} does not work here: ${reasons[0]}.`;
  const title = libraryTitles[blas as NativeLibrary];
  return `engine.blas: ${blas} does not work here: ${reasons[0]}. Install ${title}, name its folder in RECAP_BLAS_PATH, or use blas: auto.`;
}
