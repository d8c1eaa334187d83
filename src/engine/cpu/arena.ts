/**
 * Working memory of one shard, as byte offsets into the shared memory. It is handed out front to back and taken back
 * whole before each run, so that the same plan always gets the same addresses and nothing is allocated in a step.
 *
 * Two kinds of tensors need more than that. One that a time step leaves to the next alone gives its block back for the
 * next one, which keeps it in the cache. And those that are later read as one packed tensor are placed in a *lane*, a
 * block of (M, columns) in which time step t lies at its packed position, so that packing them copies nothing.
 */
import type { Shape } from '../../tensor/matrix.js';
import type { StepPlan } from '../../tensor/step-plan.js';

/** A row-major matrix in the shared memory. */
export interface Tensor extends Shape {
  /** Byte offset. */
  readonly offset: number;
  /** Bytes of the block that `release` gives back; 0 for views, lanes and parameters. */
  readonly block: number;
  /** The time step whose rows it holds, -1 if it belongs to none. */
  readonly step: number;
  /** The lane it lies in, or null. */
  readonly lane: Lane | null;
  /**
   * Byte offset of an index (rows), int32, if the tensor is a view: its row r is row index[r] of what lies at `offset`.
   * 0 for a tensor whose rows lie one after another.
   */
  readonly index: number;
}

/** A matrix at a place of its own, which nothing is to be known of. */
export function plainTensor(offset: number, rows: number, columns: number): Tensor {
  return { offset, rows, columns, block: 0, step: -1, lane: null, index: 0 };
}

/** Every block starts on a cache line. */
export const blockAlignment = 64;

export function aligned(bytes: number): number {
  return Math.ceil(bytes / blockAlignment) * blockAlignment;
}

/** A block in which each time step's rows lie at their packed position. */
export interface Lane {
  readonly name: string;
  readonly columns: number;
  readonly offset: number;
  /** (steps) 1 where a time step has its rows already. */
  readonly filled: Uint8Array;
}

export class Arena {
  private next: number;
  private largest = 0;
  private readonly free: { offset: number; block: number }[] = [];
  private lanes: Lane[] = [];

  /** @param limit first byte after the arena */
  constructor(
    private readonly first: number,
    private readonly limit: number,
  ) {
    this.next = first;
  }

  /** Most bytes in use at once since the arena was made. */
  get bytesUsed(): number {
    return this.largest;
  }

  reset(): void {
    this.next = this.first;
    this.free.length = 0;
    this.lanes = [];
  }

  /** @throws Error when the arena is full: what was planned for it did not cover this run */
  take(bytes: number): number {
    const at = this.next;
    this.next += aligned(bytes);
    if (this.next > this.limit) {
      throw new Error(
        `The working memory of a shard is too small: it has ${this.limit - this.first} bytes and the run needs at ` +
          `least ${this.next - this.first}. The minibatch has more rows a shard than were planned for.`,
      );
    }
    this.largest = Math.max(this.largest, this.next - this.first);
    return at;
  }

  /** @param capacityRows rows that the block has room for, so that a larger tensor can have it later */
  tensor(rows: number, columns: number, capacityRows = rows): Tensor {
    const block = aligned(capacityRows * columns * 4);
    const reused = this.takeFree(block);
    const { offset } = reused ?? { offset: this.take(block) };
    return { ...plainTensor(offset, rows, columns), block: reused?.block ?? block };
  }

  /** The smallest free block that is large enough, and not so large that the next tensor of its size would miss it. */
  private takeFree(bytes: number): { offset: number; block: number } | null {
    let best = -1;
    for (let i = 0; i < this.free.length; i++) {
      const { block } = this.free[i]!;
      if (block >= bytes && block <= 2 * bytes && (best < 0 || block < this.free[best]!.block)) best = i;
    }
    return best < 0 ? null : this.free.splice(best, 1)[0]!;
  }

  /** The block may be handed out again; a view or a parameter is left alone. */
  release({ offset, block }: Tensor): void {
    if (block > 0) this.free.push({ offset, block });
  }

  /** Rows of time step t in the first lane of this name that has not got them yet. */
  laneRows(
    name: string,
    plan: Pick<StepPlan, 'steps' | 'live' | 'offset' | 'tokens'>,
    t: number,
    columns: number,
  ): Tensor {
    let lane = this.lanes.find((each) => each.name === name && each.columns === columns && each.filled[t] === 0);
    if (!lane) {
      const offset = this.take(plan.tokens * columns * 4);
      lane = { name, columns, offset, filled: new Uint8Array(plan.steps) };
      this.lanes.push(lane);
    }
    lane.filled[t] = 1;
    return {
      offset: lane.offset + plan.offset[t]! * columns * 4,
      rows: plan.live[t]!,
      columns,
      block: 0,
      step: t,
      lane,
      index: 0,
    };
  }
}
