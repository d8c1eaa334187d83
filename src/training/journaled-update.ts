/**
 * Reduction and Adam over a range of parameters, in chunks, such that it can be done again after it was cut off.
 *
 * Adam changes parameters and moments in place, so a worker that dies in the middle leaves some elements updated and
 * some not. Before a chunk is written, a copy of it is kept; whoever takes the range next puts the copy back and goes on
 * from there. The result is the same to the bit, whoever did which chunk.
 */
import type { AdamStep, Engine, NumberArray, SharedMemory } from '../engine/engine.js';
import { flatView, numbersAt, updateChunk } from '../engine/shared-memory.js';

export class JournaledUpdate {
  private readonly state: readonly NumberArray[];

  /** @param progress (ranges) zeros when an update is given out, and left alone when a part of it is given out again */
  constructor(
    private readonly engine: Engine,
    private readonly memory: SharedMemory,
    private readonly progress: Int32Array,
  ) {
    this.state = [memory.parameters, memory.m, memory.v].map((offset) => flatView(memory, offset));
  }

  run(adam: AdamStep, range: number, from: number, to: number): void {
    const { progress, engine } = this;
    const journal = this.memory.journals[range]!;
    const start = Atomics.load(progress, range);
    let chunk = start >> 1;
    if (start & 1) this.restore(journal, from + chunk * updateChunk, to);
    for (; from + chunk * updateChunk < to; chunk++) {
      const first = from + chunk * updateChunk;
      const last = Math.min(first + updateChunk, to);
      engine.saveState(first, last, journal);
      Atomics.store(progress, range, 2 * chunk + 1);
      engine.adam(adam, first, last);
      Atomics.store(progress, range, 2 * (chunk + 1));
    }
  }

  /** Puts the copy of the chunk that begins at `first` back. */
  private restore(journal: number, first: number, to: number): void {
    const count = Math.min(updateChunk, to - first);
    this.state.forEach((values, i) => {
      values.set(numbersAt(this.memory, journal + i * count * values.BYTES_PER_ELEMENT, count), first);
    });
  }
}
