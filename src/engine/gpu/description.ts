/** How the gpu engine introduces itself. Loads nothing of gpu.js, so that it costs nothing where another engine runs. */
import { createRequire } from 'node:module';
import type { EngineDescription } from '../engine.js';

export type GpuMode = 'webgpu' | 'webasm' | 'cpu';

const onProcessor = { webasm: 'WebAssembly SIMD on this processor', cpu: 'plain JavaScript on this processor' };

/** @param adapter the WebGPU adapter; of no meaning in the other modes */
export function describeGpu(mode: GpuMode, adapter: string | null, notes: readonly string[] = []): EngineDescription {
  const { version } = createRequire(import.meta.url)('gpu.js/package.json') as { version: string };
  const where = mode === 'webgpu' ? `WebGPU on ${adapter}` : onProcessor[mode];
  return { engine: 'gpu', precision: 'float32', supplier: mode, detail: `gpu.js ${version}, ${where}`, notes };
}
