/** Product kernels generated for this processor, once a thread. */

import type { ElementType } from '../products.js';
import type { TileShape } from './blocking.js';
import { loadCode, type NativeFunction, whyNoGeneratedCode } from './executable-memory.js';
import { cellPrograms } from './lanes/cell-programs.js';
import { processorFeatures } from './x64/features.js';
import { generateProducts } from './x64/generate-products.js';
import { generateRows } from './x64/generate-rows.js';
import { avx2, avx512, avx512Bf16, elementsPerWord, tileColumns, type VectorSet } from './x64/vector-set.js';

/** Instructions that kernels are generated for. All those for float32 give the same bits. */
export type GeneratedSet = VectorSet['name'];

const vectorSets: Record<GeneratedSet, VectorSet> = { AVX2: avx2, 'AVX-512': avx512, 'AVX512-BF16': avx512Bf16 };

export interface GeneratedKernels {
  readonly tile: TileShape;
  /** See product-code.ts. */
  readonly multiply: NativeFunction;
  readonly prepare: NativeFunction;
}

export interface GenerationSupport {
  /** What this processor can run, the best one last; empty where nothing can be generated. */
  readonly sets: readonly GeneratedSet[];
  /** Why nothing can be generated, or null. */
  readonly reason: string | null;
}

let support: Readonly<Record<ElementType, GenerationSupport>> | undefined;

/** What can be generated and run in this process for products of such operands. */
export function generationSupport(operands: ElementType): GenerationSupport {
  support ??= findSupport();
  return support[operands];
}

function findSupport(): Record<ElementType, GenerationSupport> {
  const none = (reason: string): GenerationSupport => ({ sets: [], reason });
  const some = (...sets: GeneratedSet[]): GenerationSupport => ({ sets, reason: null });
  const foreign = whyNoGeneratedCode();
  if (foreign !== null) return { float32: none(foreign), bf16: none(foreign) };
  try {
    const { avx2, avx512, avx512Bf16 } = processorFeatures();
    const float32 = avx512 ? some('AVX2', 'AVX-512') : some('AVX2');
    return {
      float32: avx2 ? float32 : none('this processor has no AVX2 with fused multiply-add'),
      bf16: avx512Bf16 ? some('AVX512-BF16') : none('this processor has no AVX512-BF16'),
    };
  } catch (error) {
    const nothing = none((error as Error).message.split('\n')[0]!);
    return { float32: nothing, bf16: nothing };
  }
}

/** @throws Error that says why nothing can be generated here */
export function bestGeneratedSet(operands: ElementType): GeneratedSet {
  const { sets, reason } = generationSupport(operands);
  const best = sets.at(-1);
  if (!best) throw new Error(reason!);
  return best;
}

/** Each a function as `emitRowFunction` describes it. */
export type GeneratedCells = Readonly<Record<keyof typeof cellPrograms, NativeFunction>>;

const loadedCells = new Map<GeneratedSet, GeneratedCells>();

/** @throws Error where this process cannot run them */
export function loadGeneratedCells(name: GeneratedSet): GeneratedCells {
  let cells = loadedCells.get(name);
  if (!cells) {
    const { code, entries } = generateRows(vectorSets[name], cellPrograms);
    cells = loadCode(code, entries);
    loadedCells.set(name, cells);
  }
  return cells;
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
  return {
    rows: set.tileRows,
    columns: tileColumns(set),
    packedRows: set.packedRows,
    elementsPerWord: elementsPerWord(set),
    mostSteps: set.mostSteps,
  };
}

export function operandsOf(name: GeneratedSet): ElementType {
  return elementsPerWord(vectorSets[name]) === 2 ? 'bf16' : 'float32';
}
