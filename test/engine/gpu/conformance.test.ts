import { describeWith } from '../../support/requirements.js';
import { runConformance } from '../conformance.js';

/** Float32: what is left of the reference's digits after sums over a caption's words. */
const tolerance = 1e-5;

for (const mode of ['webasm', 'cpu'] as const) {
  runConformance({ name: `gpu (${mode})`, choice: () => ({ name: 'gpu', mode }), tolerance });
}

describeWith({ webgpu: true }, 'on a WebGPU adapter', () => {
  runConformance({ name: 'gpu (webgpu)', choice: () => ({ name: 'gpu', mode: 'webgpu' }), tolerance });
});
