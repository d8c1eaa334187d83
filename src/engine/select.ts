/**
 * Chooses the engine of a run on this machine, and makes it in each worker thread.
 *
 * The main thread calls `chooseEngine` once, `prepareProcess` before any worker starts, and hands the choice, which is
 * plain data, to the workers.
 */
import type { EngineConfig } from '../config/schema.js';
import { UserError } from '../errors.js';
import type { ModelShape } from '../model/parameters.js';
import { createCpuEngine } from './cpu/cpu-engine.js';
import { type CpuChoice, describeCpu, openProducts, prepareSupplier, productSizes } from './cpu/supplier.js';
import { slotTableBytes } from './cpu/updates.js';
import { cpuArenaBytes } from './cpu/working-memory.js';
import type { Engine, EngineDescription, Precision, SharedMemory } from './engine.js';
import type { GpuMode } from './gpu/gpu-engine.js';
import { createReferenceEngine, referenceDescription } from './reference/reference-engine.js';

export type EngineChoice =
  | { readonly name: 'reference' }
  | { readonly name: 'gpu'; readonly mode: GpuMode }
  | CpuChoice;

export interface ChosenEngine {
  readonly choice: EngineChoice;
  readonly description: EngineDescription;
}

/**
 * @param recorded the choice recorded with a run that is resumed: taken again if this machine still can, because only
 * the same arithmetic goes on to the bit; otherwise the notes say why not
 * @throws UserError when the config names an engine that this machine cannot run
 */
export async function chooseEngine(wanted: EngineConfig, _recorded?: EngineChoice): Promise<ChosenEngine> {
  if (wanted.name === 'reference') return { choice: { name: 'reference' }, description: referenceDescription };
  if (wanted.name === 'gpu') throw new UserError('engine gpu is not available.');
  const choice: CpuChoice = { name: 'cpu', precision: 'float32', supplier: { library: 'wasm' } };
  return { choice, description: describeCpu(choice, []) };
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

/** Working memory that one shard needs, whatever captions come. */
export function arenaBytes(choice: EngineChoice, shape: ModelShape, rowsPerShard: number): number {
  switch (choice.name) {
    case 'reference':
      return 0;
    case 'gpu':
      return slotTableBytes;
    case 'cpu':
      return cpuArenaBytes(shape, rowsPerShard, productSizes(choice));
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
    case 'cpu':
      return createCpuEngine(shared, describeCpu(choice, []), (kernels) => openProducts(choice, kernels, shared));
  }
}

export interface EngineListing {
  readonly engine: string;
  readonly variant: string;
  readonly available: boolean;
  readonly detail: string;
  /** Why it is not available. */
  readonly reason: string | null;
}

/** Every engine and variant, whether this machine can run it, and why not. */
export async function listEngines(): Promise<readonly EngineListing[]> {
  return [
    { engine: 'reference', variant: 'float64', available: true, detail: referenceDescription.detail, reason: null },
  ];
}
