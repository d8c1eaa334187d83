/** What the cpu engine can compute products with on this machine, and what it lacks. */
import { platform } from 'node:os';
import type { EngineListing } from '../../engine-listing.js';
import { hasBf16, thisProcessor } from './blas/installed.js';
import { libraryPrecision, nativeLibraries } from './blas/library.js';
import { tryLibrary } from './choose-supplier.js';
import { type Supplier, supplierTitle } from './supplier.js';

export function listSuppliers(): EngineListing[] {
  const libraries = nativeLibraries.filter((library) => library !== 'accelerate' || platform() === 'darwin');
  return (['native', 'wasm', ...libraries] as const).map(listingOf);
}

function listingOf(library: Supplier['library']): EngineListing {
  const precision = library === 'native' || library === 'wasm' ? 'float32' : libraryPrecision[library];
  const variant = precision === 'bf16' ? `${library} bf16` : library;
  const trial =
    precision === 'bf16' && !hasBf16(thisProcessor()) ? { reason: 'no AVX512-BF16 or AMX' } : tryLibrary(library);
  if ('reason' in trial) return { engine: 'cpu', variant, available: false, detail: '', reason: trial.reason };
  const detail = supplierTitle({ precision, supplier: trial.supplier });
  return { engine: 'cpu', variant, available: true, detail, reason: null };
}
