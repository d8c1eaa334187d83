/** The arrays of a step plan as kernels read them: whole numbers in float32, exact up to 2^24. */
import type { StepPlan } from '../../model/step-plan.js';

/** The arrays of a plan under the names they have among a program's inputs. */
const planInputNames = ['plan.words', 'plan.targets', 'plan.positions', 'plan.starts'] as const;
export type PlanInput = (typeof planInputNames)[number];

export function isPlanInput(name: string): name is PlanInput {
  return (planInputNames as readonly string[]).includes(name);
}

/**
 * - words (U), targets (M): as in the plan.
 * - positions (U), starts (V+1): the input rows sorted by their word, and where each word's rows start.
 *
 * Functions, because few programs use all of them.
 */
export function planInputs(plan: StepPlan, vocabSize: number): Record<PlanInput, () => Float32Array> {
  return {
    'plan.words': () => Float32Array.from(plan.words),
    'plan.targets': () => Float32Array.from(plan.targets),
    'plan.positions': () => {
      const next = startsOf(plan.words, vocabSize);
      const positions = new Float32Array(plan.words.length);
      plan.words.forEach((word, row) => {
        positions[next[word]!++] = row;
      });
      return positions;
    },
    'plan.starts': () => startsOf(plan.words, vocabSize),
  };
}

function startsOf(words: Int32Array, vocabSize: number): Float32Array {
  const starts = new Float32Array(vocabSize + 1);
  for (const word of words) starts[word + 1]!++;
  for (let word = 0; word < vocabSize; word++) starts[word + 1]! += starts[word]!;
  return starts;
}
