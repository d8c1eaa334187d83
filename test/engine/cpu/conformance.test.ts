import { bestInstructionSet } from '../../../src/engine/cpu/kernels.js';
import { installedLibraries } from '../../../src/engine/cpu/suppliers/blas/installed.js';
import { libraryPrecision, type NativeLibrary } from '../../../src/engine/cpu/suppliers/blas/library.js';
import type { CpuChoice } from '../../../src/engine/cpu/suppliers/supplier.js';
import { describeWith } from '../../support/requirements.js';
import { runConformance } from '../conformance.js';

/** Float32: what is left of the reference's digits after sums over a caption's words. */
const tolerance = 1e-5;

runConformance({
  name: 'cpu (wasm)',
  choice: () => ({
    name: 'cpu',
    precision: 'float32',
    supplier: { library: 'wasm' },
    instructionSet: bestInstructionSet(),
  }),
  tolerance,
});

describeWith({ generated: true }, 'with generated kernels', () => {
  runConformance({
    name: 'cpu (native)',
    choice: () => ({
      name: 'cpu',
      precision: 'float32',
      supplier: { library: 'native' },
      instructionSet: bestInstructionSet(),
    }),
    tolerance,
  });
});

function choiceOf(library: NativeLibrary): CpuChoice {
  const { path } = installedLibraries().find((installed) => installed.library === library)!;
  return {
    name: 'cpu',
    precision: libraryPrecision[library],
    supplier: { library, path, version: '', kernels: '' },
    instructionSet: bestInstructionSet(),
  };
}

for (const library of ['openblas', 'accelerate'] as const) {
  describeWith({ blas: library }, `with ${library}`, () => {
    runConformance({ name: `cpu (${library})`, choice: () => choiceOf(library), tolerance });
  });
}

describeWith({ bf16: true }, 'with onednn in bfloat16', () => {
  runConformance({
    name: 'cpu (onednn bf16)',
    choice: () => choiceOf('onednn'),
    // Each operand of a product keeps 8 bits, so a product of a few factors in a chain is off by a few 2^-8. The gradient
    // of attention's bias is more so: to raise all scores of a softmax alike changes nothing, so its terms nearly cancel.
    tolerance: 16 * 2 ** -8,
    skip: [
      {
        reason: 'rounding to bfloat16 swaps words whose scores are close',
        cases: [
          'rnn of H=19',
          'lstm of H=19',
          'gru of H=19',
          'lstm of H=19 in 2 layers',
          'lstm of H=19, the image to everyStep',
          'lstm of H=19, attending to 5 positions',
        ].map((model) => `captions images like the reference, ${model}`),
      },
    ],
  });
});
