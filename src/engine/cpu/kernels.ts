/** The WebAssembly SIMD kernels of the cpu engine, compiled for the thread that asks. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { UserError } from '../../errors.js';
import type { KernelFunctions } from './kernel-functions.js';

/** The builds of the kernels: relaxed SIMD has a fused multiply-add. Each rounds differently. */
export const instructionSets = ['wasm simd128', 'wasm relaxed simd'] as const;
export type InstructionSet = (typeof instructionSets)[number];

export interface Kernels extends KernelFunctions {
  readonly instructionSet: InstructionSet;
}

/** Bytes of working memory of one matrix product, of whatever size. */
export const sgemmScratchBytes = 5 << 18;

/** Columns of a packed panel. */
const panelColumns = 8;

/** Bytes that `packB` writes for op(B) (K,N). */
export function packedBytes(N: number, K: number): number {
  return Math.ceil(N / panelColumns) * panelColumns * K * 4;
}

/**
 * Compiles the kernels for this thread.
 *
 * @throws UserError when they are not built
 */
export function loadKernels(memory: WebAssembly.Memory, instructionSet = bestInstructionSet()): Kernels {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(read(files[instructionSet])), {
    env: { memory },
  });
  return { ...(exports as unknown as KernelFunctions), instructionSet };
}

/** Relaxed SIMD where the runtime has it: Node 20 behind a flag of V8, Node 22 always. */
export function bestInstructionSet(): InstructionSet {
  const relaxed = read(files['wasm relaxed simd']);
  if (!WebAssembly.validate(relaxed)) setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(relaxed) ? 'wasm relaxed simd' : 'wasm simd128';
}

const files: Record<InstructionSet, string> = {
  'wasm simd128': 'kernels.wasm',
  'wasm relaxed simd': 'kernels-relaxed.wasm',
};

function read(name: string): Uint8Array<ArrayBuffer> {
  // Beside the compiled loader, or in dist/ when the loader runs from its TypeScript source.
  const places = [`./${name}`, `../../../dist/src/engine/cpu/${name}`].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  const found = places.find((place) => existsSync(place));
  if (found === undefined) {
    throw new UserError(`The WebAssembly kernels are not built: ${places[0]} is missing. Run: npm run build`);
  }
  return readFileSync(found);
}
