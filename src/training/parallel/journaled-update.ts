/**
 * Reduction and the optimiser's rule over a range of parameters, in chunks, such that it can be done again after it was
 * cut off.
 *
 * A rule changes parameters and the optimiser's arrays in place, so a worker that dies in the middle leaves some elements
 * updated and some not. Before a chunk is written, a copy of it is kept; whoever takes the range next puts the copy back
 * and goes on from there. The result is the same to the bit, whoever did which chunk.
 *
 * Norms are sums of squares of whole chunks, which begin at the same elements for any number of ranges.
 */
import type { ChangedArrays, GradientSource, SharedMemory, Updates } from '../../engine/engine.js';
import { changedArrays, numbersAt, trainedView, updateChunk } from '../../engine/shared-memory.js';
import { trainedPlaces } from '../../tensor/layout.js';
import type { NumberArray } from '../../tensor/matrix.js';
import { noDecay, type UpdateStep } from '../../tensor/update-rules.js';

/** What is done to every element. */
export type UpdatePass =
  /** The accumulator becomes the gradient sum. */
  | { readonly changes: 'accumulator'; readonly source: GradientSource }
  /** The rule, and then the moving average with what of it is kept; null where there is none. */
  | {
      readonly changes: 'parameters';
      readonly source: GradientSource;
      readonly step: UpdateStep;
      readonly averageKeep: number | null;
    };

/** (chunks) each: sums of squares, of the gradient sum and of the parameters after the update. */
export interface ChunkSquares {
  readonly gradient: Float64Array;
  readonly parameters: Float64Array;
}

interface Segment {
  readonly from: number;
  readonly to: number;
  readonly decays: boolean;
}

export class JournaledUpdate {
  private readonly changed: Readonly<Record<ChangedArrays, readonly NumberArray[]>>;
  private readonly segments: readonly Segment[];

  /**
   * @param progress (ranges) zeros when a pass is given out, and left alone when a part of it is given out again
   * @param decayed names of the parameters that weight decay applies to
   */
  constructor(
    private readonly engine: Updates,
    private readonly memory: SharedMemory,
    private readonly progress: Int32Array,
    private readonly squares: ChunkSquares,
    decayed: readonly string[],
  ) {
    const views = (arrays: ChangedArrays) => changedArrays(memory, arrays).map((offset) => trainedView(memory, offset));
    this.changed = { accumulator: views('accumulator'), parameters: views('parameters') };
    this.segments = segmentsOf(memory, decayed);
  }

  /** @param from a multiple of `updateChunk` */
  run(pass: UpdatePass, range: number, from: number, to: number): void {
    const { progress, engine } = this;
    const journal = this.memory.journals[range]!;
    const start = Atomics.load(progress, range);
    let chunk = start >> 1;
    if (start & 1) this.restore(pass.changes, journal, from + chunk * updateChunk, to);
    for (; from + chunk * updateChunk < to; chunk++) {
      const first = from + chunk * updateChunk;
      const last = Math.min(first + updateChunk, to);
      engine.saveState(pass.changes, first, last, journal);
      Atomics.store(progress, range, 2 * chunk + 1);
      this.change(pass, first, last);
      Atomics.store(progress, range, 2 * (chunk + 1));
    }
  }

  /** The squares of the gradient sum alone. */
  measure(source: GradientSource, from: number, to: number): void {
    for (let first = from; first < to; first += updateChunk) {
      this.measureChunk(source, first, Math.min(first + updateChunk, to));
    }
  }

  private measureChunk(source: GradientSource, first: number, last: number): void {
    this.squares.gradient[first / updateChunk] = this.engine.squaredGradient(source, first, last);
  }

  /** One chunk, all of which is in the processor's cache by now. */
  private change(pass: UpdatePass, first: number, last: number): void {
    const { engine } = this;
    if (pass.changes === 'accumulator') {
      engine.accumulate(pass.source, first, last);
      return;
    }
    const { step, source, averageKeep } = pass;
    this.measureChunk(source, first, last);
    for (const { from, to, decays } of this.segments) {
      if (from >= last || to <= first) continue;
      engine.update(decays ? step : { ...step, ...noDecay }, source, Math.max(from, first), Math.min(to, last));
    }
    if (averageKeep !== null) engine.moveAverage(averageKeep, first, last);
    this.squares.parameters[first / updateChunk] = engine.squaredParameters(first, last);
  }

  /** Puts the copy of the chunk that begins at `first` back. */
  private restore(arrays: ChangedArrays, journal: number, first: number, to: number): void {
    const count = Math.min(updateChunk, to - first);
    this.changed[arrays].forEach((values, i) => {
      values.set(numbersAt(this.memory, journal + i * count * values.BYTES_PER_ELEMENT, count), first);
    });
  }
}

/** The trained elements, cut where weight decay begins or ends to apply. */
function segmentsOf({ layout }: SharedMemory, decayed: readonly string[]): readonly Segment[] {
  const segments: Segment[] = [];
  for (const { name, offset } of trainedPlaces(layout)) {
    const decays = decayed.includes(name);
    const before = segments.at(-1);
    if (before?.decays === decays) continue;
    if (before) segments[segments.length - 1] = { ...before, to: offset };
    segments.push({ from: offset, to: layout.trainedLength, decays });
  }
  return segments;
}
