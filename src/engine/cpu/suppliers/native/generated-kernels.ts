/** Product kernels generated for this processor, once a thread. */

import type { TileShape } from './blocking.js';
import { loadCode, type NativeFunction, whyNoGeneratedCode } from './executable-memory.js';
import { processorFeatures } from './x64/features.js';
import { productFlags } from './x64/multiply.js';
import { generateProducts } from './x64/product-code.js';
import { avx2, avx512, tileColumns, type VectorSet } from './x64/vector-set.js';

/** Instructions that kernels are generated for, the better one last. All give the same bits. */
export const generatedSets = ['AVX2', 'AVX-512'] as const;
export type GeneratedSet = (typeof generatedSets)[number];

const vectorSets: Record<GeneratedSet, VectorSet> = { AVX2: avx2, 'AVX-512': avx512 };

export interface GeneratedKernels {
  readonly tile: TileShape;
  /** See `ProductCode`. */
  readonly multiply: NativeFunction;
  readonly prepare: NativeFunction;
}

export { productFlags };

export interface GenerationSupport {
  /** What this processor can run; empty where nothing can be generated. */
  readonly sets: readonly GeneratedSet[];
  /** Why nothing can be generated, or null. */
  readonly reason: string | null;
}

let support: GenerationSupport | undefined;

/** What can be generated and run in this process. */
export function generationSupport(): GenerationSupport {
  support ??= findSupport();
  return support;
}

function findSupport(): GenerationSupport {
  const none = (reason: string) => ({ sets: [], reason });
  const foreign = whyNoGeneratedCode();
  if (foreign !== null) return none(foreign);
  try {
    const features = processorFeatures();
    if (!features.avx2) return none('this processor has no AVX2 with fused multiply-add');
    return { sets: features.avx512 ? ['AVX2', 'AVX-512'] : ['AVX2'], reason: null };
  } catch (error) {
    return none((error as Error).message.split('\n')[0]!);
  }
}

/** @throws Error that says why nothing can be generated here */
export function bestGeneratedSet(): GeneratedSet {
  const { sets, reason } = generationSupport();
  const best = sets.at(-1);
  if (!best) throw new Error(reason!);
  return best;
}

const loaded = new Map<GeneratedSet, GeneratedKernels>();

/** @throws Error where this process cannot run them */
export function loadGeneratedKernels(name: GeneratedSet): GeneratedKernels {
  let kernels = loaded.get(name);
  if (!kernels) {
    const { code, entries } = generateProducts(vectorSets[name]);
    kernels = { tile: tileOf(name), ...loadCode(code, entries) };
    loaded.set(name, kernels);
  }
  return kernels;
}

export function tileOf(name: GeneratedSet): TileShape {
  const set = vectorSets[name];
  return { rows: set.tileRows, columns: tileColumns(set), packedRows: set.packedRows };
}
