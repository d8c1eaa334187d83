/** Times the exchanges of a step between the processes of a run, with messages of other sizes. */
import { addressOf } from '../../foreign/koffi.js';
import { type Communicator, keptUntilHere, type NumberArea, type Parts } from '../../mpi/communicator.js';

/** Operations by which each process sends one message to each other one. */
export interface TimedMessages {
  /** Bytes of one message. */
  readonly bytes: number;
  /** Of a whole operation, in this process: of several the first quartile, so that what else the machine does is left out. */
  readonly milliseconds: number;
}

/** Operations of each kind and size. */
const repetitions = 12;
const size = 4;

/**
 * Called by all processes at the same time.
 *
 * @param counts numbers of a message; for each of them there are several exchanges and collections
 */
export async function probeNetwork(communicator: Communicator, counts: readonly number[]): Promise<TimedMessages[]> {
  const { rank, size: ranks } = communicator;
  const most = Math.max(0, ...counts);
  const [out, into] = [areaOf(ranks * most), areaOf(ranks * most)];
  const timed: TimedMessages[] = [];
  for (const count of counts) {
    const parts: Parts = {
      counts: Array.from({ length: ranks }, () => count),
      places: Array.from({ length: ranks }, (_, each) => each * count),
    };
    const others: Parts = { ...parts, counts: parts.counts.map((own, each) => (each === rank ? 0 : own)) };
    const operations = [
      () => communicator.exchange({ ...out.area, ...others }, { ...into.area, ...others }),
      () => communicator.collect(into.area, parts),
    ];
    for (const operation of operations) {
      const taken: number[] = [];
      for (let i = 0; i < repetitions; i++) {
        const start = performance.now();
        await operation();
        taken.push(performance.now() - start);
      }
      taken.sort((a, b) => a - b);
      timed.push({ bytes: count * size, milliseconds: taken[repetitions / 4]! });
    }
  }
  keptUntilHere(out, into);
  return timed;
}

function areaOf(count: number): { readonly area: NumberArea; readonly numbers: Float32Array } {
  const numbers = new Float32Array(new SharedArrayBuffer(Math.max(1, count) * size));
  return { numbers, area: { at: addressOf(numbers), precision: 'float32' } };
}
