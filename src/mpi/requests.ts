/** Operations of MPI that have been started, and are asked for until they are done. */
import { TrainingError } from '../errors.js';
import { addressOf } from '../foreign/koffi.js';
import type { MpiLibrary } from './library.js';

/** Address of the handle of an operation under way. */
export type Request = number;

/** Milliseconds for which a process that waits asks again and again before it lets others have the processor. */
const impatient = 2;
/** Milliseconds between two times that it asks from then on. */
export const askingInterval = 1;

interface Waiting {
  readonly handle: Handle;
  readonly settle: (error?: Error) => void;
}

export class Requests {
  private readonly waiting = new Set<Waiting>();
  private reason: Error | null = null;
  private readonly flag = cells(1);
  private isAsking = false;
  /** When something was last begun or done. */
  private changedAt = 0;

  constructor(private readonly library: MpiLibrary) {}

  /** Why nothing more is waited for. */
  get failure(): Error | null {
    return this.reason;
  }

  /** Everything that is or will be waited for fails. */
  fail(error: Error): void {
    this.reason ??= error;
    for (const each of this.waiting) this.settle(each, this.reason);
  }

  /** @param start begins an operation, whose handle it writes to the address that it is given */
  done(start: (request: Request) => number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failure) throw this.failure;
      const handle = new Handle();
      begun(start(handle.at));
      this.waiting.add({ handle, settle: (error) => (error ? reject(error) : resolve()) });
      this.changedAt = performance.now();
      if (!this.isAsking) this.ask();
    });
  }

  sent(at: number, bytes: number, to: number, tag: number): Promise<void> {
    return this.done((request) => this.send(at, bytes, to, tag, request));
  }

  received(at: number, bytes: number, from: number, tag: number): Promise<void> {
    return this.done((request) => this.receive(at, bytes, from, tag, request));
  }

  send(at: number, bytes: number, to: number, tag: number, request: Request): number {
    const { world, byte } = this.library.handles;
    return this.library.send(at, bytes, byte, to, tag, world, request);
  }

  receive(at: number, bytes: number, from: number, tag: number, request: Request): number {
    const { world, byte } = this.library.handles;
    return this.library.receive(at, bytes, byte, from, tag, world, request);
  }

  /** Whether it is done, after which its handle is free for another. */
  isDone({ at }: Handle): boolean {
    const [flag, flagAt] = this.flag;
    begun(this.library.test(at, flagAt, this.library.statusIgnored));
    return flag[0] !== 0;
  }

  /** Gives up a message that has not come. */
  cancel({ at }: Handle): void {
    this.library.cancel(at);
    this.library.wait(at, this.library.statusIgnored);
  }

  private ask(): void {
    for (const each of this.waiting) if (this.isDone(each.handle)) this.settle(each);
    this.isAsking = this.waiting.size > 0;
    if (!this.isAsking) return;
    if (performance.now() - this.changedAt < impatient) setImmediate(() => this.ask());
    else setTimeout(() => this.ask(), askingInterval);
  }

  private settle(each: Waiting, error?: Error): void {
    this.waiting.delete(each);
    this.changedAt = performance.now();
    each.settle(error);
  }
}

/** Room for a handle, which is 4 or 8 bytes. */
export class Handle {
  readonly at: Request;
  // Held, so that the address stays this one's.
  private readonly room = cells(2);

  constructor() {
    this.at = this.room[1];
  }
}

/** Integers with a fixed address, which is theirs while they are in use. */
export function cells(count: number): [cells: Int32Array, address: number] {
  const array = new Int32Array(new SharedArrayBuffer(4 * Math.max(1, count)));
  return [array, addressOf(array)];
}

function begun(code: number): void {
  if (code !== 0) throw new TrainingError(`An operation of the MPI library failed with error code ${code}.`);
}
