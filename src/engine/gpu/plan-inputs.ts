/** The arrays of a step plan as kernels read them: whole numbers in float32, exact up to 2^24. */
import { alivePositions, type StepPlan } from '../../tensor/step-plan.js';

/** The arrays of a plan under the names they have among a program's inputs. */
const planInputNames = [
  'plan.words',
  'plan.targets',
  'plan.weights',
  'plan.alive',
  'plan.positions',
  'plan.starts',
] as const;
export type PlanInput = (typeof planInputNames)[number];

export function isPlanInput(name: string): name is PlanInput {
  return (planInputNames as readonly string[]).includes(name);
}

/**
 * - words (U), targets (M), weights (M): as in the plan.
 * - alive (M): 1 where a caption still has a target.
 * - positions (U), starts (V+1): the input rows sorted by their word, and where each word's rows start.
 *
 * Functions of the length wanted, because few programs use all of them.
 */
export function planInputs(plan: StepPlan): Record<PlanInput, (length: number) => Float32Array> {
  return {
    'plan.words': () => Float32Array.from(plan.words),
    'plan.targets': () => Float32Array.from(plan.targets),
    'plan.weights': () => plan.weights!,
    'plan.alive': () => alivePositions(plan),
    'plan.positions': () => {
      const next = startsOf(plan.words, plan.words.reduce((a, b) => Math.max(a, b), 0) + 1);
      const positions = new Float32Array(plan.words.length);
      plan.words.forEach((word, row) => {
        positions[next[word]!++] = row;
      });
      return positions;
    },
    'plan.starts': (length) => startsOf(plan.words, length - 1),
  };
}

function startsOf(words: Int32Array, vocabSize: number): Float32Array {
  const starts = new Float32Array(vocabSize + 1);
  for (const word of words) starts[word + 1]!++;
  for (let word = 0; word < vocabSize; word++) starts[word + 1]! += starts[word]!;
  return starts;
}
