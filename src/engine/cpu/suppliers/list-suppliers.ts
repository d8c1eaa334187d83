/** What the cpu engine can compute products with on this machine, and what it lacks. */
import { platform } from 'node:os';
import type { EngineListing } from '../../engine-listing.js';
import { nativeLibraries } from './blas/blas-library.js';
import { hasBf16, thisProcessor } from './blas/installed.js';
import { type MeasuredSupplier, measuredSuppliers } from './measured-suppliers.js';
import { supplierTitle } from './supplier.js';

/** @param anew whether to measure all again */
export async function listSuppliers(anew: boolean): Promise<EngineListing[]> {
  const measured = await measuredSuppliers(anew);
  const known = new Set(measured.map(({ supplier }) => supplier.library));
  const missing = nativeLibraries
    .filter((library) => !known.has(library) && (library !== 'accelerate' || platform() === 'darwin'))
    .map((library) => unavailable(library, 'not installed'));
  const bf16 = measured.some(({ precision }) => precision === 'bf16')
    ? []
    : [unavailable('onednn bf16', hasBf16(thisProcessor()) ? 'oneDNN is not installed' : 'no AVX512-BF16 or AMX')];
  return [...measured.map(listingOf), ...missing, ...bf16];
}

function listingOf({ supplier, precision, gflops, reason }: MeasuredSupplier): EngineListing {
  const title = supplierTitle({ precision, supplier });
  return {
    engine: 'cpu',
    variant: precision === 'bf16' ? `${supplier.library} bf16` : supplier.library,
    available: reason === null,
    detail: gflops === null ? title : `${title}, ${gflops.toFixed(0)} GFLOP/s a core`,
    reason: reason === null ? null : `${title}: ${reason}`,
  };
}

function unavailable(variant: string, reason: string): EngineListing {
  return { engine: 'cpu', variant, available: false, detail: '', reason };
}
