import { nativeLibraries } from '../../../src/engine/cpu/blas/blas-library.js';
import { installedLibraries } from '../../../src/engine/cpu/blas/installed.js';
import type { CpuChoice, CpuPrecision } from '../../../src/engine/cpu/supplier.js';
import { describeWith } from '../../support/requirements.js';
import { runConformance } from '../conformance.js';

/** Float32: what is left of the reference's digits after sums over a caption's words. */
const tolerance = 1e-5;

runConformance({
  name: 'cpu (wasm)',
  choice: () => ({ name: 'cpu', precision: 'float32', supplier: { library: 'wasm' } }),
  tolerance,
});

function choiceOf(library: (typeof nativeLibraries)[number], precision: CpuPrecision): CpuChoice {
  const { path } = installedLibraries().find((installed) => installed.library === library)!;
  return { name: 'cpu', precision, supplier: { library, path, version: '', coreType: null } };
}

for (const library of nativeLibraries) {
  describeWith({ blas: library }, `with ${library}`, () => {
    runConformance({ name: `cpu (${library})`, choice: () => choiceOf(library, 'float32'), tolerance });
  });
}

describeWith({ bf16: true }, 'with onednn in bfloat16', () => {
  runConformance({
    name: 'cpu (onednn bf16)',
    choice: () => choiceOf('onednn', 'bf16'),
    // Each operand of a product keeps 8 bits, so a product of a few factors in a chain is off by a few 2^-8.
    tolerance: 8 * 2 ** -8,
    skip: [
      {
        reason: 'rounding to bfloat16 swaps words whose scores are close',
        cases: ['captions images like the reference, rnn', 'captions images like the reference, lstm'],
      },
    ],
  });
});
