/**
 * Reduction and Adam over a range of parameters, in chunks, such that it can be done again after it was cut off.
 *
 * Adam changes parameters and moments in place, so a worker that dies in the middle leaves some elements updated and
 * some not. Before a chunk is written, a copy of it is kept; whoever takes the range next puts the copy back and goes on
 * from there. The result is the same to the bit, whoever did which chunk.
 */
import type { AdamStep, Engine, NumberArray, SharedMemory } from '../engine/engine.js';
import { bytesOf, flatView } from '../engine/shared-memory.js';
import type { UpdateJournal } from './tasks.js';

/** Elements; parameters and both moments of a chunk stay in the first-level cache. */
const chunkSize = 2048;

export function createJournal(memory: SharedMemory, ranges: number): UpdateJournal {
  return {
    progress: new Int32Array(new SharedArrayBuffer(ranges * 4)),
    saved: new SharedArrayBuffer(ranges * 3 * chunkSize * bytesOf(memory.precision)),
  };
}

/** To be called before the tasks of an update are given out, never when one is given out again. */
export function resetJournal(journal: UpdateJournal): void {
  journal.progress.fill(0);
}

export class JournaledUpdate {
  private readonly arrays: readonly NumberArray[];
  private readonly saved: NumberArray;

  constructor(
    private readonly engine: Engine,
    memory: SharedMemory,
    private readonly journal: UpdateJournal,
  ) {
    this.arrays = [memory.parameters, memory.m, memory.v].map((offset) => flatView(memory, offset));
    this.saved = memory.precision === 'float64' ? new Float64Array(journal.saved) : new Float32Array(journal.saved);
  }

  run(adam: AdamStep, range: number, from: number, to: number): void {
    const { progress } = this.journal;
    const start = Atomics.load(progress, range);
    let chunk = start >> 1;
    if (start & 1) this.copy(range, from, to, chunk, 'restore');
    for (; from + chunk * chunkSize < to; chunk++) {
      const first = from + chunk * chunkSize;
      this.copy(range, from, to, chunk, 'save');
      Atomics.store(progress, range, 2 * chunk + 1);
      this.engine.adam(adam, first, Math.min(first + chunkSize, to));
      Atomics.store(progress, range, 2 * (chunk + 1));
    }
  }

  private copy(range: number, from: number, to: number, chunk: number, direction: 'save' | 'restore'): void {
    const first = from + chunk * chunkSize;
    const last = Math.min(first + chunkSize, to);
    for (let a = 0; a < 3; a++) {
      const at = (range * 3 + a) * chunkSize;
      const live = this.arrays[a]!;
      if (direction === 'save') this.saved.set(live.subarray(first, last), at);
      else live.set(this.saved.subarray(at, at + last - first), first);
    }
  }
}
