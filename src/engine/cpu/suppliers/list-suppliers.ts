/** What the cpu engine can compute products with on this machine, and what it lacks. */
import { platform } from 'node:os';
import type { EngineListing } from '../../engine-listing.js';
import { hasBf16, thisProcessor } from './blas/installed.js';
import { libraryPrecision, nativeLibraries } from './blas/library.js';
import { tryLibrary } from './choose-supplier.js';
import type { ElementType } from './products.js';
import { type Supplier, supplierTitle } from './supplier.js';

export function listSuppliers(): EngineListing[] {
  const libraries = nativeLibraries.filter((library) => library !== 'accelerate' || platform() === 'darwin');
  return [
    listingOf('native', 'float32'),
    listingOf('wasm', 'float32'),
    ...libraries.map((library) => listingOf(library, libraryPrecision[library])),
    listingOf('native', 'bf16'),
  ];
}

function listingOf(library: Supplier['library'], precision: ElementType): EngineListing {
  const variant = precision === 'bf16' ? `${library} bf16` : library;
  const trial =
    precision === 'bf16' && !hasBf16(thisProcessor())
      ? { reason: 'no AVX512-BF16 or AMX' }
      : tryLibrary(library, precision);
  if ('reason' in trial) return { engine: 'cpu', variant, available: false, detail: '', reason: trial.reason };
  const detail = supplierTitle({ precision, supplier: trial.supplier });
  return { engine: 'cpu', variant, available: true, detail, reason: null };
}
