/** A captioner's first parameters: CS231n's initialisation, from a seed, or a file. */
import { normals } from '../data/random.js';
import type { NumberArray } from '../engine/engine.js';
import { type ParameterLayout, parameterViews } from '../model/parameters.js';
import { readInitialParameters } from './checkpoint.js';

/**
 * Fills `flat`: W_embed standard normal / 100, the other matrices standard normal / √(rows, the fan-in), biases 0. Each
 * parameter has a stream of random numbers of its own, drawn in float64, so that engines start from the same values.
 */
export function drawParameters(flat: NumberArray, layout: ParameterLayout, seed: number): void {
  const views = parameterViews(flat, layout);
  layout.places.forEach(({ name, shape, size }, stream) => {
    if (shape.length === 1) return;
    const scale = name === 'W_embed' ? 1 / 100 : 1 / Math.sqrt(shape[0]!);
    const values = normals(seed, stream, size);
    for (let i = 0; i < size; i++) views[name][i] = values[i]! * scale;
  });
}

/**
 * Fills `flat` from a safetensors file that holds every parameter under its CS231n name.
 * @throws UserError naming the tensor that is missing, too many or of another shape
 */
export function loadParameters(flat: NumberArray, layout: ParameterLayout, path: string): void {
  const views = parameterViews(flat, layout);
  const shapes = Object.fromEntries(layout.places.map(({ name, shape }) => [name, shape]));
  for (const [name, values] of readInitialParameters(path, shapes)) views[name as keyof typeof views].set(values);
}
