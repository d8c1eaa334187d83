import type { TensorPlace } from '../../tensor/layout.js';
import type { Named } from '../../tensor/matrix.js';
import { plainTensor, type Tensor } from './arena.js';

/** Parameters, or their gradients, in a flat array that starts at byte `start`, as tensors. */
export function parameterTensors(places: readonly TensorPlace[], start: number): Named<Tensor> {
  return Object.fromEntries(
    places.map(({ name, rows, columns, offset }) => [name, plainTensor(start + offset * 4, rows, columns)]),
  );
}
