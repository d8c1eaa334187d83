/** What the processes of a run hand each other, and which shards and parameters are whose. */
import type { SharedMemory } from '../../engine/engine.js';
import { bytesOf, changedArrays, keptParameters, parametersAt } from '../../engine/shared-memory.js';
import { addressOf, baseAddress } from '../../foreign/koffi.js';
import type { Communicator, NumberArea, Parts } from '../../mpi/communicator.js';
import type { FoldedSums } from './fold.js';
import { chunkRanges, type Range } from './sharding.js';

/** The place of a process in a run. */
export interface Place {
  readonly rank: number;
  /** Processes. */
  readonly size: number;
}

export const alone: Place = { rank: 0, size: 1 };

/** Shards [from, to) of each process, as equal in number as they can be. */
export function shardsOf({ rank, size }: Place, shards: number): Range {
  return { from: Math.floor((shards * rank) / size), to: Math.floor((shards * (rank + 1)) / size) };
}

/** Each operation is called by all processes, in the same order. */
export class Exchange {
  private readonly ranges: Parts;
  private readonly base: number;

  constructor(
    private readonly communicator: Communicator,
    private readonly memory: SharedMemory,
  ) {
    this.ranges = partsOf(chunkRanges(memory.layout.trainedLength, communicator.size));
    this.base = baseAddress(memory.memory);
  }

  /**
   * Every process gets its range of all shards' gradients.
   *
   * One exchange for the first shard of each process, one for the second, and so on; what goes where is contiguous then.
   */
  async slotsToRanges(): Promise<void> {
    const { rank, size } = this.communicator;
    const { shards, slots } = this.memory;
    const { counts, places } = this.ranges;
    const first = slots[0]!;
    const own = shardsOf(this.communicator, shards);
    const all = Array.from({ length: size }, (_, each) => shardsOf({ rank: each, size }, shards));
    const waves = Math.max(...all.map(({ from, to }) => to - from));
    for (let wave = 0; wave < waves; wave++) {
      const shardIn = ({ from, to }: Range) => (from + wave < to ? from + wave : null);
      const mine = shardIn(own);
      const sent = this.others((each) => {
        if (mine === null) return nothing;
        return { count: counts[each]!, place: this.placeOf(slots[mine]! - first) + places[each]! };
      });
      const received = this.others((each) => {
        const theirs = shardIn(all[each]!);
        if (theirs === null) return nothing;
        return { count: counts[rank]!, place: this.placeOf(slots[theirs]!) + places[rank]! };
      });
      await this.communicator.exchange({ ...this.area(first), ...sent }, { ...this.area(0), ...received });
    }
  }

  /** Every process gets its range of each other one's sum. */
  async sumsToRanges({ own, received }: FoldedSums): Promise<void> {
    const { rank } = this.communicator;
    const { counts, places } = this.ranges;
    const count = counts[rank]!;
    const [from, to] = [own, received].map((numbers) => ({
      at: addressOf(numbers),
      precision: this.memory.precision,
    }));
    const sent = this.others((each) => ({ count: counts[each]!, place: places[each]! }));
    const taken = this.others((each) => ({ count, place: each * count }));
    await this.communicator.exchange({ ...from!, ...sent }, { ...to!, ...taken });
  }

  /** Every process gets the ranges of all of the parameters. */
  async collectParameters(): Promise<void> {
    await this.communicator.collect(this.area(this.memory.parameters), this.ranges);
  }

  /** Every process gets the ranges of all of what training keeps beside the parameters. */
  async collectState(): Promise<void> {
    const [, ...beside] = changedArrays(this.memory, 'parameters');
    for (const offset of beside) await this.communicator.collect(this.area(offset), this.ranges);
  }

  /** Every process gets all of the first one's parameters and of what training keeps beside them. */
  async takeState(): Promise<void> {
    const { layout, states } = this.memory;
    for (const values of keptParameters(this.memory)) {
      await this.communicator.broadcastNumbers(this.area(parametersAt(this.memory, values)), layout.length);
    }
    for (const offset of Object.values(states)) {
      await this.communicator.broadcastNumbers(this.area(offset), layout.trainedLength);
    }
  }

  private area(offset: number): NumberArea {
    return { at: this.base + offset, precision: this.memory.precision };
  }

  /** In elements. */
  private placeOf(bytes: number): number {
    return bytes / bytesOf(this.memory.precision);
  }

  /** A process keeps its own part where it is. */
  private others(partOf: (rank: number) => { readonly count: number; readonly place: number }): Parts {
    const { rank, size } = this.communicator;
    const parts = Array.from({ length: size }, (_, each) => (each === rank ? nothing : partOf(each)));
    return { counts: parts.map(({ count }) => count), places: parts.map(({ place }) => place) };
  }
}

const nothing = { count: 0, place: 0 };

function partsOf(ranges: readonly Range[]): Parts {
  return { counts: ranges.map(({ from, to }) => to - from), places: ranges.map(({ from }) => from) };
}
