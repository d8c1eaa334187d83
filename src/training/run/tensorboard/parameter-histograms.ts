/** Distributions of parameters and of their mean gradient, from the memory that the workers share, between two steps. */
import type { GradientSource, SharedMemory } from '../../../engine/engine.js';
import { parametersOf, trainedView } from '../../../engine/shared-memory.js';
import { trainedPlaces } from '../../../tensor/layout.js';
import type { NumberArray } from '../../../tensor/matrix.js';
import { type Histogram, HistogramCounts } from './histogram.js';

/** Where the gradient of the last step still lies, which the next step overwrites. */
export interface LastGradient {
  readonly source: GradientSource;
  /** What its sum is divided by. */
  readonly divisor: number;
}

export interface NamedHistogram {
  /** `parameters/Wh` */
  readonly name: string;
  readonly histogram: Histogram;
}

/** Elements at a time. */
const chunk = 4096;

/**
 * Of every trained parameter: its values, and those of its mean gradient before it is clipped. What is not finite has no
 * histogram.
 *
 * @param gradient null where no step has been done, or the last one was left out
 */
export function parameterHistograms(memory: SharedMemory, gradient: LastGradient | null): NamedHistogram[] {
  const histograms: NamedHistogram[] = [];
  const parts = gradient === null ? [] : gradientParts(memory, gradient.source);
  const add = (kind: string, scale: number, arrays: readonly NumberArray[]): void => {
    for (const { name, offset, size } of trainedPlaces(memory.layout)) {
      const histogram = histogramOf(arrays, scale, offset, size);
      if (histogram !== null) histograms.push({ name: `${kind}/${name}`, histogram });
    }
  };
  add('parameters', 1, [parametersOf(memory)]);
  if (gradient !== null) add('gradients', 1 / gradient.divisor, parts);
  return histograms;
}

function gradientParts(memory: SharedMemory, source: GradientSource): NumberArray[] {
  const { slots, accumulator } = memory;
  const offsets = source === 'accumulated' ? [accumulator!, ...slots] : slots;
  return offsets.map((offset) => trainedView(memory, offset));
}

/** Of the sum of these arrays, times `scale`, in elements [offset, offset + size). */
function histogramOf(arrays: readonly NumberArray[], scale: number, offset: number, size: number): Histogram | null {
  const counts = new HistogramCounts();
  const sums = new Float32Array(chunk);
  for (let first = offset; first < offset + size; first += chunk) {
    const part = sums.subarray(0, Math.min(chunk, offset + size - first));
    part.fill(0);
    for (const array of arrays) for (let i = 0; i < part.length; i++) part[i]! += array[first + i]! * scale;
    counts.add(part);
  }
  return counts.result();
}
