/**
 * Which of several engines a run takes: that on which a step of its own model, data and workers takes the least time; and
 * what to say of one that its config names although another is faster.
 */
import { captionBatch } from '../../data/batches.js';
import type { CaptionSplit } from '../../data/dataset.js';
import { generationSupport } from '../../engine/cpu/suppliers/native/generated-kernels.js';
import type { ChosenEngine, EngineChoice } from '../../engine/select.js';
import { Coordinator, type CoordinatorOptions } from '../parallel/coordinator.js';

/** Steps of which the fastest counts, after one in which kernels are compiled and memory is touched. */
const timedSteps = 2;

/**
 * @param candidates one or more; a single one is taken as it is
 * @param timeStep milliseconds of a step
 * @returns the fastest, with a note of what each took; one that fails is passed over, unless all do
 */
export async function fasterEngine(
  candidates: readonly ChosenEngine[],
  timeStep: (choice: EngineChoice) => Promise<number>,
): Promise<ChosenEngine> {
  if (candidates.length === 1) return candidates[0]!;
  const said: string[] = [];
  let best: ChosenEngine | null = null;
  let shortest = Number.POSITIVE_INFINITY;
  let fault: unknown;
  for (const candidate of candidates) {
    const { detail } = candidate.description;
    try {
      const milliseconds = await timeStep(candidate.choice);
      said.push(`${milliseconds.toFixed(1)} ms by ${detail}`);
      if (milliseconds >= shortest) continue;
      best = candidate;
      shortest = milliseconds;
    } catch (error) {
      fault = error;
      said.push(`none by ${detail} (${(error as Error).message})`);
    }
  }
  if (best === null) throw fault;
  const { notes } = best.description;
  return { ...best, description: { ...best.description, notes: [`A step takes ${said.join(', ')}.`, ...notes] } };
}

/**
 * What `engine: auto` would take is faster than some choices on any machine, by the measurements of docs/design.md.
 *
 * @returns a sentence, or null where nothing is known to be faster
 */
export function fasterThan(choice: EngineChoice): string | null {
  if (choice.name === 'reference')
    return 'reference computes in float64 by plain loops; engine: auto is many times faster.';
  if (choice.name === 'gpu') {
    return choice.mode === 'webgpu' ? null : `gpu.js in mode ${choice.mode} is many times slower than engine: cpu.`;
  }
  const { precision, supplier } = choice;
  if (supplier.library !== 'wasm' || generationSupport(precision).reason !== null) return null;
  return 'engine: { name: cpu, blas: native } multiplies about twice as fast as WebAssembly here.';
}

/** Milliseconds of forward and backward of the first captions as one minibatch. */
export async function timeStep(options: CoordinatorOptions, train: CaptionSplit): Promise<number> {
  const coordinator = new Coordinator(options);
  try {
    const rows = Int32Array.from({ length: Math.min(options.batchSize, train.count) }, (_, row) => row);
    const batch = captionBatch(train, rows);
    let shortest = Number.POSITIVE_INFINITY;
    for (let step = 0; step <= timedSteps; step++) {
      const { milliseconds } = await coordinator.gradients(batch, { seed: 1, step: 1 });
      if (step > 0) shortest = Math.min(shortest, milliseconds);
    }
    return shortest;
  } finally {
    await coordinator.close();
  }
}
