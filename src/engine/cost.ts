/** What a program costs, counted while it runs on arithmetic that does nothing. */
import { layoutOf } from '../tensor/layout.js';
import type { ModelSpec, ProgramSpec } from '../tensor/model-spec.js';
import type { StepPlan } from '../tensor/step-plan.js';
import { wasmProductSizes } from './cpu/suppliers/wasm-products.js';
import { dryRun } from './cpu/working-memory.js';

/**
 * Floating-point operations of the program's matrix products with only the rows and words that the plan has, a
 * multiplication and an addition each one.
 */
export function productOperations(program: ProgramSpec, parameters: ModelSpec['parameters'], plan: StepPlan): number {
  return plan.steps === 0 ? 0 : dryRun(program, layoutOf(parameters), plan, wasmProductSizes).operations;
}
