/** The update rules in float64, each as its formula reads. */
import type { UpdateStep } from '../../tensor/update-rules.js';
import type { GradientSource, SharedMemory, Updates } from '../engine.js';
import { changedArrays, numbersAt, parametersOf, trainedView } from '../shared-memory.js';

type Flat = Float64Array;

export function referenceUpdates(shared: SharedMemory): Updates {
  const view = (offset: number) => trainedView(shared, offset) as Flat;
  const parameters = parametersOf(shared) as Flat;
  const states = Object.values(shared.states).map(view);
  const slots = shared.slots.map(view);
  const changed = {
    parameters: changedArrays(shared, 'parameters').map(view),
    accumulator: changedArrays(shared, 'accumulator').map(view),
  };
  const accumulator = changed.accumulator[0];
  const average = shared.average === null ? undefined : view(shared.average);
  const gradientSum = (source: GradientSource, i: number): number => {
    let sum = source === 'slots' ? 0 : accumulator![i]!;
    if (source === 'accumulator') return sum;
    for (const slot of slots) sum += slot[i]!;
    return sum;
  };
  return {
    update(step, source, from, to) {
      for (let i = from; i < to; i++) applyRule(step, gradientSum(source, i), parameters, states, i);
    },
    accumulate(source, from, to) {
      for (let i = from; i < to; i++) accumulator![i] = gradientSum(source, i);
    },
    moveAverage(keep, from, to) {
      for (let i = from; i < to; i++) average![i] = keep * average![i]! + (1 - keep) * parameters[i]!;
    },
    squaredGradient: (source, from, to) => sumOfSquares((i) => gradientSum(source, i), from, to),
    squaredParameters: (from, to) => sumOfSquares((i) => parameters[i]!, from, to),
    saveState(arrays, from, to, at) {
      const saved = numbersAt(shared, at, changed[arrays].length * (to - from));
      changed[arrays].forEach((values, i) => {
        saved.set(values.subarray(from, to), i * (to - from));
      });
    },
    largestGradient: (shard, from, to) => largestMagnitude(slots[shard]!, from, to),
  };
}

/** Element i of parameters w and of the rule's arrays, given the sum of its gradients; formulas in tensor/update-rules.ts. */
function applyRule(step: UpdateStep, gradientSum: number, w: Flat, states: readonly Flat[], i: number): void {
  const { stepSize, divisor, limit, decay, keep } = step;
  const mean = Math.max(-limit, Math.min(limit, gradientSum / divisor));
  // Left alone where nothing decays, the sign of a zero included.
  const g = decay === 0 ? mean : mean + decay * w[i]!;
  switch (step.rule) {
    case 'adam': {
      const { beta1, beta2, epsilon } = step;
      const [m, v] = states as [Flat, Flat];
      m[i] = beta1 * m[i]! + (1 - beta1) * g;
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
      w[i] = keep * w[i]! - (stepSize * m[i]!) / (Math.sqrt(v[i]!) + epsilon);
      return;
    }
    case 'momentum': {
      const [velocity] = states as [Flat];
      const next = step.momentum * velocity[i]! - stepSize * g;
      velocity[i] = next;
      w[i]! += step.nesterov ? step.momentum * next - stepSize * g : next;
      return;
    }
    case 'rmsprop':
    case 'adagrad': {
      const [square] = states as [Flat];
      square[i] = step.rule === 'rmsprop' ? step.alpha * square[i]! + (1 - step.alpha) * g * g : square[i]! + g * g;
      w[i]! -= (stepSize * g) / (Math.sqrt(square[i]!) + step.epsilon);
      return;
    }
  }
}

function sumOfSquares(value: (i: number) => number, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += value(i) ** 2;
  return sum;
}

function largestMagnitude(values: Flat, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) {
    const magnitude = Math.abs(values[i]!);
    if (!(magnitude <= largest)) largest = magnitude;
    if (Number.isNaN(magnitude)) return Number.NaN;
  }
  return largest;
}
