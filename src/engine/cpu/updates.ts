/**
 * The part of a training step that touches parameters instead of captions, on the WebAssembly kernels: the optimiser's
 * rule over the summed gradient slots, and the watch for gradients that are not finite.
 */
import { UserError } from '../../errors.js';
import type { GradientSource, SharedMemory, Updates } from '../engine.js';
import { changedArrays } from '../shared-memory.js';
import type { Kernels } from './kernels.js';

/**
 * Bytes at the start of every arena that hold the table of offsets which the kernels read: the accumulator's if there is
 * one, the slots', then those of the parameters and what changes with them. Every thread writes the same values there
 * when it makes its engine, so their order does not matter.
 */
export const offsetTableBytes = 8192;

export function createUpdates(shared: SharedMemory, kernels: Kernels): Updates {
  const { parameters, slots, average } = shared;
  const states = Object.values(shared.states);
  const accumulators = changedArrays(shared, 'accumulator');
  const changed = changedArrays(shared, 'parameters');
  const offsets = [...accumulators, ...slots, ...changed];
  if (offsets.length * 4 > offsetTableBytes) {
    const others = offsets.length - slots.length;
    throw new UserError(`train.shards: ${slots.length}, but at most ${offsetTableBytes / 4 - others} fit.`);
  }
  const table = shared.arenas[0]!;
  new Uint32Array(shared.memory.buffer, table, offsets.length).set(offsets);
  const slotTable = table + accumulators.length * 4;
  const changedTable = slotTable + slots.length * 4;
  /** Where the offsets of what is summed stand, and how many they are. */
  const summed = (source: GradientSource): readonly [at: number, count: number] => {
    if (source === 'slots') return [slotTable, slots.length];
    return [table, source === 'accumulator' ? accumulators.length : accumulators.length + slots.length];
  };
  return {
    update(step, source, from, to) {
      const { stepSize, divisor, limit, decay } = step;
      const [at, count] = summed(source);
      const range = [at, count, from, to, divisor, limit, decay] as const;
      switch (step.rule) {
        case 'adam': {
          const [m, v] = states as [number, number];
          const { beta1, beta2, epsilon, keep } = step;
          kernels.adam(parameters, m, v, ...range, keep, stepSize, beta1, beta2, epsilon);
          return;
        }
        case 'momentum':
          kernels.momentum(parameters, states[0]!, ...range, stepSize, step.momentum, step.nesterov ? 1 : 0);
          return;
        case 'rmsprop':
          kernels.rootOfSquares(parameters, states[0]!, ...range, stepSize, step.alpha, 1 - step.alpha, step.epsilon);
          return;
        case 'adagrad':
          kernels.rootOfSquares(parameters, states[0]!, ...range, stepSize, 1, 1, step.epsilon);
          return;
      }
    },
    accumulate(source, from, to) {
      kernels.addSlots(accumulators[0]!, ...summed(source), from, to);
    },
    moveAverage(keep, from, to) {
      kernels.moveAverage(average!, parameters, from, to, keep);
    },
    squaredGradient: (source, from, to) => kernels.sumOfSquares(...summed(source), from, to),
    squaredParameters: (from, to) => kernels.sumOfSquares(changedTable, 1, from, to),
    saveState(arrays, from, to, at) {
      const [copied, count] = arrays === 'accumulator' ? [table, 1] : [changedTable, changed.length];
      kernels.saveState(copied, count, slotTable, slots.length, from, to, at);
    },
    largestGradient: (shard, from, to) => kernels.largestMagnitude(slots[shard]! + from * 4, to - from),
  };
}
