import { bestInstructionSet } from '../../../src/engine/cpu/kernels.js';
import { installedLibraries } from '../../../src/engine/cpu/suppliers/blas/installed.js';
import { libraryPrecision, type NativeLibrary } from '../../../src/engine/cpu/suppliers/blas/library.js';
import type { ElementType } from '../../../src/engine/cpu/suppliers/products.js';
import type { CpuChoice } from '../../../src/engine/cpu/suppliers/supplier.js';
import { describeWith } from '../../support/requirements.js';
import { type ConformanceOptions, runConformance } from '../conformance.js';

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

describeWith({ generated: 'float32' }, 'with generated kernels', () => {
  runConformance({ name: 'cpu (native)', choice: () => nativeChoice('float32'), tolerance });
});

function nativeChoice(precision: ElementType): CpuChoice {
  return { name: 'cpu', precision, supplier: { library: 'native' }, instructionSet: bestInstructionSet() };
}

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

const inBf16: Pick<ConformanceOptions, 'tolerance' | 'skip'> = {
  // Each operand of a product keeps 8 bits, so a product of a few factors in a chain is off by a few 2^-8.
  tolerance: 8 * 2 ** -8,
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
    {
      reason:
        'what b_att changes at one position it nearly takes back at another, so that its gradient is all rounding',
      cases: ['agrees with the reference on captions of all lengths, rnn of H=19, attending to 7 positions'],
    },
  ],
};

describeWith({ bf16: true }, 'with onednn in bfloat16', () => {
  runConformance({ name: 'cpu (onednn bf16)', choice: () => choiceOf('onednn'), ...inBf16 });
});

describeWith({ generated: 'bf16' }, 'with generated kernels in bfloat16', () => {
  runConformance({ name: 'cpu (native bf16)', choice: () => nativeChoice('bf16'), ...inBf16 });
});
