/**
 * Chooses the engine of a run on this machine, and makes it in each worker thread.
 *
 * The main thread calls `chooseEngine` once, `prepareProcess` before any worker starts, and hands the choice, which is
 * plain data, to the workers.
 */
import { UserError } from '../errors.js';
import type { Layout } from '../tensor/layout.js';
import type { Precision } from '../tensor/matrix.js';
import type { RunnableSpec } from '../tensor/model-spec.js';
import { createCpuEngine } from './cpu/cpu-engine.js';
import { type CpuWanted, chooseSupplier } from './cpu/suppliers/choose-supplier.js';
import { listSuppliers } from './cpu/suppliers/list-suppliers.js';
import {
  type CpuChoice,
  describeCpu,
  isFusedChain,
  openKernels,
  openProducts,
  prepareSupplier,
  productSizes,
} from './cpu/suppliers/supplier.js';
import { offsetTableBytes } from './cpu/updates.js';
import { cpuArenaBytes } from './cpu/working-memory.js';
import type { Engine, EngineDescription, SharedMemory } from './engine.js';
import type { EngineListing } from './engine-listing.js';
import type { EngineWanted } from './engine-wanted.js';
import { describeGpu, type GpuMode } from './gpu/description.js';
import type { GpuAvailability } from './gpu/probe.js';
import { createReferenceEngine, referenceDescription } from './reference/reference-engine.js';

export type EngineChoice =
  | { readonly name: 'reference' }
  | { readonly name: 'gpu'; readonly mode: GpuMode }
  | CpuChoice;

export type { EngineListing };

/** Whether a run that was computed by one goes on with the other as if it had never stopped. */
export function haveSameBits(a: EngineChoice, b: EngineChoice): boolean {
  if (JSON.stringify(a) === JSON.stringify(b)) return true;
  return a.name === 'cpu' && b.name === 'cpu' && isFusedChain(a) && isFusedChain(b);
}

export interface ChosenEngine {
  readonly choice: EngineChoice;
  readonly description: EngineDescription;
}

/**
 * @param recorded the choice recorded with a run that is resumed: taken again if this machine still can, because only
 * the same arithmetic goes on to the bit
 * @throws UserError when the config names an engine that this machine cannot run
 */
export async function chooseEngine(wanted: EngineWanted, recorded?: EngineChoice): Promise<ChosenEngine> {
  switch (wanted.name) {
    case 'reference':
      return { choice: { name: 'reference' }, description: referenceDescription };
    case 'gpu':
      return chooseGpu(wanted.mode, recorded);
    case 'cpu':
      return chooseCpu(wanted, recorded, []);
    case 'auto':
      return chooseAny(recorded);
  }
}

/**
 * What a new run may take: of `auto` on a machine with a GPU both it and cpu, of which a step of the run itself then tells
 * the faster; otherwise the one that `chooseEngine` chooses.
 */
export async function engineCandidates(
  wanted: EngineWanted,
  recorded?: EngineChoice,
): Promise<readonly ChosenEngine[]> {
  const chosen = await chooseEngine(wanted, recorded);
  if (wanted.name !== 'auto' || recorded !== undefined || chosen.choice.name !== 'gpu') return [chosen];
  return [chosen, chooseCpu(anyProducts, undefined, [])];
}

const anyProducts = { name: 'cpu', blas: 'auto', precision: 'float32' } as const;

async function chooseAny(recorded?: EngineChoice): Promise<ChosenEngine> {
  if (recorded?.name === 'cpu') return chooseCpu(anyProducts, recorded, []);
  const webgpu = (await probe()).find(({ mode }) => mode === 'webgpu')!;
  if (webgpu.available && webgpu.hardware) return gpuOf(webgpu, []);
  return chooseCpu(anyProducts, undefined, [`No GPU is used: ${webgpu.reason ?? `${webgpu.adapter} is software`}.`]);
}

function chooseCpu(
  wanted: CpuWanted,
  recorded: EngineChoice | undefined,
  earlierNotes: readonly string[],
): ChosenEngine {
  const { choice, notes } = chooseSupplier(wanted, recorded?.name === 'cpu' ? recorded : undefined);
  return { choice, description: describeCpu(choice, [...earlierNotes, ...notes]) };
}

/** Of mode `auto`, the recorded one or else the first that works, but WebGPU only on hardware. */
async function chooseGpu(wanted: GpuMode | 'auto', recorded?: EngineChoice): Promise<ChosenEngine> {
  const modes = await probe();
  const named = wanted === 'auto' && recorded?.name === 'gpu' ? recorded.mode : wanted;
  const mode = modes.find((each) => each.mode === named);
  if (mode?.available) return gpuOf(mode, []);
  if (wanted !== 'auto') throw new UserError(`engine.mode: ${wanted} does not work here: ${mode?.reason}.`);
  const first = modes.findIndex((each) => each.available && (each.mode !== 'webgpu' || each.hardware));
  const notes = modes
    .slice(0, first)
    .map((each) => `gpu.js mode ${each.mode} is not used: ${each.reason ?? `${each.adapter} is software`}.`);
  return gpuOf(modes[first]!, notes);
}

function gpuOf({ mode, adapter }: GpuAvailability, notes: readonly string[]): ChosenEngine {
  return { choice: { name: 'gpu', mode }, description: describeGpu(mode, adapter, notes) };
}

/** Loaded only where it is asked for: gpu.js is large and starts a native library. */
async function probe(): Promise<readonly GpuAvailability[]> {
  return (await import('./gpu/probe.js')).probeGpu();
}

/** Main thread, before any worker starts: sets the environment and loads libraries that the workers will share. */
export function prepareProcess(choice: EngineChoice): void {
  if (choice.name === 'cpu') prepareSupplier(choice);
}

/** What the parameters, moments and gradients of the shared memory are stored in. */
export function precisionOf(choice: EngineChoice): Precision {
  return choice.name === 'reference' ? 'float64' : 'float32';
}

/** Bytes at the start of the shared memory that stay unused, so that offset 0 can stand for no tensor. */
export function reservedBytes(choice: EngineChoice): number {
  return choice.name === 'reference' ? 0 : 64;
}

/** Working memory that one shard needs for any of the programs, whatever captions come. */
export function arenaBytes(choice: EngineChoice, spec: RunnableSpec, layout: Layout, rowsPerShard: number): number {
  switch (choice.name) {
    case 'reference':
      return 0;
    case 'gpu':
      return offsetTableBytes;
    case 'cpu':
      return cpuArenaBytes(spec, layout, rowsPerShard, productSizes(choice));
  }
}

/** Makes the engine in the thread that calls it. */
export async function createEngine(choice: EngineChoice, shared: SharedMemory): Promise<Engine> {
  switch (choice.name) {
    case 'reference':
      return createReferenceEngine(shared);
    case 'gpu': {
      // Loaded only where it is used: gpu.js is large and starts a native library.
      const { createGpuEngine } = await import('./gpu/gpu-engine.js');
      return createGpuEngine(choice.mode, shared);
    }
    case 'cpu': {
      const kernels = openKernels(choice, shared);
      return createCpuEngine(shared, describeCpu(choice, []), kernels, openProducts(choice, kernels, shared));
    }
  }
}

/** Every engine and variant, whether this machine can run it, and why not. */
export async function listEngines(): Promise<readonly EngineListing[]> {
  return [
    { engine: 'reference', variant: 'float64', available: true, detail: referenceDescription.detail, reason: null },
    ...(await probe()).map(({ mode, available, adapter, reason }) => ({
      engine: 'gpu',
      variant: mode,
      available,
      detail: available ? describeGpu(mode, adapter).detail : '',
      reason,
    })),
    ...listSuppliers(),
  ];
}
