import type { ParameterLayout, ParameterName, Parameters } from '../../model/parameters.js';
import type { Tensor } from './arena.js';

/** The parameters of a flat array that starts at byte `start`, as tensors. */
export function parameterTensors(layout: ParameterLayout, start: number): Parameters<Tensor> {
  const tensors: Partial<Record<ParameterName, Tensor>> = {};
  for (const { name, shape, offset } of layout.places) {
    const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
    tensors[name] = { offset: start + offset * 4, rows, columns, block: 0, step: -1, lane: null };
  }
  return tensors as Record<ParameterName, Tensor>;
}
