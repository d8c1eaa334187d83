/** A model on an engine and on the reference engine side by side, with the same parameters. */
import type { Engine, SharedMemory } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { arenaBytes, createEngine, type EngineChoice, precisionOf, reservedBytes } from '../../src/engine/select.js';
import { allocateSharedMemory, parametersOf, trainedView } from '../../src/engine/shared-memory.js';
import { layoutOf, namedViews } from '../../src/tensor/layout.js';
import type { NumberArray, Precision } from '../../src/tensor/matrix.js';
import type { ModelSpec } from '../../src/tensor/model-spec.js';
import { packedPlan, paddedPlan, type StepPlan, type Tokens } from '../../src/tensor/step-plan.js';
import { stateOfRule, type UpdateRule } from '../../src/tensor/update-rules.js';
import { fillNormals } from '../support/shard.js';

/** An engine and its memory. */
export interface Side {
  readonly engine: Engine;
  readonly memory: SharedMemory;
}

export interface Sides {
  readonly tested: Side;
  readonly reference: Side;
}

/** What the promises of an engine's conformance are written with. */
export interface Harness {
  /** A test, or one left out with its reason. */
  promise(title: string, fn: () => Promise<void>): void;
  /** To be called within a test. */
  choice(): EngineChoice;
  /** Largest difference from the reference over the largest element. */
  readonly tolerance: number;
}

export interface SideOptions {
  /** Rows of a shard. */
  readonly rows: number;
  readonly shards?: number;
  readonly rule?: UpdateRule;
  readonly journals?: number;
  readonly averages?: boolean;
  readonly accumulates?: boolean;
}

export async function sideBySide(choice: EngineChoice, spec: ModelSpec, options: SideOptions): Promise<Sides> {
  const layout = layoutOf(spec.parameters);
  const { rows, shards = 1, rule = 'adam', journals = 0, averages = false, accumulates = false } = options;
  const memoryOf = (precision: Precision, arena: number, firstByte: number) => {
    const states = stateOfRule[rule];
    const kept = { states, averages, accumulates, journals };
    return allocateSharedMemory({ layout, precision, ...kept, shards, arenaBytes: arena, firstByte });
  };
  const memory = memoryOf(precisionOf(choice), arenaBytes(choice, spec, layout, rows), reservedBytes(choice));
  const yardstick = memoryOf('float64', 0, 0);
  const flat = parametersOf(memory);
  for (const [i, { offset, size }] of layout.places.entries()) {
    fillNormals(flat.subarray(offset, offset + size), 100 + i, 0.3);
  }
  parametersOf(yardstick).set(flat);
  return {
    tested: { engine: await createEngine(choice, memory), memory },
    reference: { engine: createReferenceEngine(yardstick), memory: yardstick },
  };
}

/** The plan that the engine takes. */
export function planFor(engine: Engine, tokens: Tokens, plannedRows = tokens.rows): StepPlan {
  return engine.planKind === 'packed' ? packedPlan(tokens) : paddedPlan(tokens, plannedRows);
}

/** The gradients in a shard's slot, by the parameters' names. */
export function gradientsOf({ memory }: Pick<Side, 'memory'>, shard = 0): Record<string, NumberArray> {
  return namedViews(trainedView(memory, memory.slots[shard]!), memory.layout);
}

/** The largest difference over the largest magnitude expected. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(found[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest === 0 ? difference : difference / largest;
}
