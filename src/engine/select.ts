/**
 * Chooses the engine of a run on this machine, and makes it in each worker thread.
 *
 * The main thread calls `chooseEngine` once, `prepareProcess` before any worker starts, and hands the choice, which is
 * plain data, to the workers.
 */
import type { EngineConfig } from '../config/schema.js';
import { UserError } from '../errors.js';
import type { ModelShape } from '../model/parameters.js';
import type { Engine, EngineDescription, Precision, SharedMemory } from './engine.js';
import { createReferenceEngine, referenceDescription } from './reference/reference-engine.js';

export type EngineChoice = { readonly name: 'reference' };

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
  if (wanted.name !== 'reference')
    throw new UserError(`engine ${wanted.name} is not available; use engine: reference.`);
  return { choice: { name: 'reference' }, description: referenceDescription };
}

/** Main thread, before any worker starts: sets the environment and loads libraries that the workers will share. */
export function prepareProcess(_choice: EngineChoice): void {}

/** What the parameters, moments and gradients of the shared memory are stored in. */
export function precisionOf(choice: EngineChoice): Precision {
  return choice.name === 'reference' ? 'float64' : 'float32';
}

/** Bytes at the start of the shared memory that the engine keeps for itself. */
export function reservedBytes(_choice: EngineChoice): number {
  return 0;
}

/** Working memory that one shard needs, whatever captions come. */
export function arenaBytes(_choice: EngineChoice, _shape: ModelShape, _rowsPerShard: number): number {
  return 0;
}

/** Makes the engine in the thread that calls it. */
export async function createEngine(_choice: EngineChoice, shared: SharedMemory): Promise<Engine> {
  return createReferenceEngine(shared);
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
