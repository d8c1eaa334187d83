/**
 * MPI between the processes of a job, without ever blocking the event loop: every operation is started by a call that
 * returns at once and then asked for until it is done.
 *
 * All processes call the collective ones in the same order. One of them at a time is under way.
 */
import { bytesOf } from '../engine/shared-memory.js';
import { TrainingError } from '../errors.js';
import { addressOf } from '../foreign/koffi.js';
import type { Precision } from '../tensor/matrix.js';
import { bounded } from './bounded.js';
import type { Launch } from './launch.js';
import { type MpiLibrary, openMpi } from './library.js';
import { Pulse } from './pulse.js';
import { cells, type Request, Requests } from './requests.js';

/** Numbers in memory that threads share: from byte `at` of the process's address space on. */
export interface NumberArea {
  /** Byte address of element 0. */
  readonly at: number;
  readonly precision: Precision;
}

/** Elements [place, place + count) of an area, one a process. */
export interface Parts {
  readonly counts: readonly number[];
  readonly places: readonly number[];
}

const tags = { pulse: 1, length: 2, bytes: 3 } as const;
/** MPI_THREAD_FUNNELED: only the thread that initialised MPI calls it. */
const funnelled = 1;

export class Communicator {
  private readonly requests: Requests;
  private readonly pulse: Pulse;
  /** Called when this process has not ended some time after another was lost. */
  onLost: (error: Error) => void = () => {};
  /** Milliseconds in operations that all take part in, waiting for the others included. */
  milliseconds = 0;

  private constructor(
    private readonly library: MpiLibrary,
    readonly rank: number,
    readonly size: number,
  ) {
    this.requests = new Requests(library);
    this.pulse = new Pulse(this.requests, { rank, size, tag: tags.pulse });
  }

  /**
   * Joins the job that the launcher has started.
   *
   * @throws UserError when there is no MPI library
   * @throws TrainingError when the library found is not that of the launcher
   */
  static open(launch: Launch): Communicator {
    const library = openMpi(launch);
    const [out, address] = cells(2);
    const init = () => library.initThread(0, 0, funnelled, address);
    checked('MPI_Init_thread', bounded('MPI_Init_thread', longestBlock, init));
    library.rank(library.handles.world, address);
    library.size(library.handles.world, address + 4);
    const [rank, size] = out;
    if (size !== launch.size) {
      throw new TrainingError(
        `The launcher started ${launch.size} processes (${launch.variable}), but ${library.path} ` +
          `(${library.implementation}) knows of ${size}: it is not the launcher's library. Name that in RECAP_MPI_LIBRARY.`,
      );
    }
    return new Communicator(library, rank!, size!);
  }

  /** Another process is, and nothing more can be done together. */
  get isLost(): boolean {
    return this.requests.failure !== null;
  }

  get implementation(): string {
    return this.library.implementation;
  }

  /** Nothing more can be done together, for this reason. */
  fail(error: Error): void {
    this.pulse.silence();
    this.requests.fail(error);
    // Whoever waits for something hears of it at once; where nobody does, the process must end all the same.
    setTimeout(() => this.onLost(this.requests.failure!), longestAfterLoss);
  }

  /** Watches that every process that this one hears of goes on giving signs of life; every operation fails when one stops. */
  watch(seconds: number, onSilence: (rank: number) => Error): void {
    this.pulse.watch(seconds, (rank) => this.fail(onSilence(rank)));
  }

  /** Process 0's bytes, for all. */
  async broadcast(bytes: Uint8Array = none): Promise<Uint8Array> {
    const [length, lengthAt] = cells(1);
    length[0] = bytes.length;
    await this.broadcastAt(lengthAt, 4);
    const buffer = this.rank === 0 ? sharedCopy(bytes) : new Uint8Array(new SharedArrayBuffer(length[0]!));
    if (buffer.length > 0) await this.broadcastAt(addressOf(buffer), buffer.length);
    return buffer;
  }

  /** Process 0's numbers, for all. */
  async broadcastNumbers({ at, precision }: NumberArea, count: number): Promise<void> {
    const size = bytesOf(precision);
    for (let first = 0; first < count; first += mostAtOnce) {
      await this.broadcastAt(at + first * size, Math.min(mostAtOnce, count - first) * size);
    }
  }

  private async broadcastAt(at: number, bytes: number): Promise<void> {
    const { world, byte } = this.library.handles;
    await this.requests.done((request) => this.library.broadcast(at, bytes, byte, 0, world, request));
  }

  /** Hands bytes to one process; the promise settles when they are on their way. */
  async send(to: number, bytes: Uint8Array): Promise<void> {
    const [length, lengthAt] = cells(1);
    length[0] = bytes.length;
    const buffer = sharedCopy(bytes);
    await Promise.all([
      this.requests.sent(lengthAt, 4, to, tags.length),
      this.requests.sent(addressOf(buffer), buffer.length, to, tags.bytes),
    ]);
    keptUntilHere(length, buffer);
  }

  /** What a process has sent to this one. */
  async receive(from: number): Promise<Uint8Array> {
    const [length, lengthAt] = cells(1);
    await this.requests.received(lengthAt, 4, from, tags.length);
    const buffer = new Uint8Array(new SharedArrayBuffer(length[0]!));
    await this.requests.received(addressOf(buffer), buffer.length, from, tags.bytes);
    return buffer;
  }

  /**
   * Part i of `sent` goes to process i, whose own comes to part i of `received`; a process's part for itself is empty.
   *
   * @param sent from another address than that of `received`: of equal ones Open MPI 4 takes the one for MPI_IN_PLACE
   */
  async exchange(sent: NumberArea & Parts, received: NumberArea & Parts): Promise<void> {
    const { world } = this.library.handles;
    const type = this.typeOf(sent);
    const [out, into] = [inCells(sent), inCells(received)];
    await this.timed((request) =>
      this.library.allToAll(
        sent.at,
        out.counts,
        out.places,
        type,
        received.at,
        into.counts,
        into.places,
        type,
        world,
        request,
      ),
    );
    keptUntilHere(out, into);
  }

  /** Each process's part of the area, for all. */
  async collect(area: NumberArea, parts: Parts): Promise<void> {
    const { world } = this.library.handles;
    const type = this.typeOf(area);
    const into = inCells(parts);
    const { inPlace } = this.library;
    await this.timed((request) =>
      this.library.allGather(inPlace, 0, type, area.at, into.counts, into.places, type, world, request),
    );
    keptUntilHere(into);
  }

  /** Leaves the job, as all processes must at its end. */
  close(): void {
    this.pulse.stop();
    checked(
      'MPI_Finalize',
      bounded('MPI_Finalize', longestBlock, () => this.library.finalize()),
    );
  }

  /** Ends all processes of the job. Does not return. */
  abort(code: number): void {
    this.library.abort(this.library.handles.world, code);
  }

  private async timed(start: (request: Request) => number): Promise<void> {
    const begun = performance.now();
    await this.requests.done(start);
    this.milliseconds += performance.now() - begun;
  }

  private typeOf({ precision }: NumberArea) {
    const { float, double } = this.library.handles;
    return precision === 'float64' ? double : float;
  }
}

/** Milliseconds after which a process that has lost another ends in any case. */
const longestAfterLoss = 10_000;
/** Seconds that the two calls of MPI may take that block: they wait for all processes. */
const longestBlock = 120;
const none = new Uint8Array();
/** Numbers of one message, whose bytes MPI counts in 32 bits. */
const mostAtOnce = 2 ** 27;

function checked(name: string, code: number): void {
  if (code !== 0) throw new TrainingError(`${name} of the MPI library failed with error code ${code}.`);
}

function sharedCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function inCells({ counts, places }: Parts): { counts: number; places: number; cells: readonly Int32Array[] } {
  const [countCells, countsAt] = cells(counts.length);
  const [placeCells, placesAt] = cells(places.length);
  countCells.set(counts);
  placeCells.set(places);
  return { counts: countsAt, places: placesAt, cells: [countCells, placeCells] };
}

/** What the library reads and writes by its address must be in use, in JavaScript's eyes, until the operation is done. */
export function keptUntilHere(..._buffers: readonly unknown[]): void {}
