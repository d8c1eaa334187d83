import type { CpuChoice } from '../../../src/engine/cpu/supplier.js';
import { describeWith } from '../../support/requirements.js';
import { runConformance } from '../conformance.js';

runConformance({
  name: 'cpu (wasm)',
  choice: () => ({ name: 'cpu', precision: 'float32', supplier: { library: 'wasm' } }),
  tolerance: 1e-5,
});

const paths = { onednn: 'libdnnl.so.2', openblas: 'libopenblas.so.0', blis: 'libblis.so.4' } as const;
for (const library of ['onednn', 'openblas', 'blis'] as const) {
  describeWith({ blas: library }, `with ${library}`, () => {
    const supplier = { library, path: paths[library], version: '', coreType: null };
    runConformance({
      name: `cpu (${library})`,
      choice: (): CpuChoice => ({ name: 'cpu', precision: 'float32', supplier }),
      tolerance: 1e-5,
    });
  });
}
