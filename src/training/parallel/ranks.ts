/**
 * The processes of a run that an MPI launcher started, as the first of them sees them: it tells all others what to do, and
 * they answer; see loop/rank.ts for their side.
 */
import { deserialize, serialize } from 'node:v8';
import { differences } from '../../config/differences.js';
import type { Config } from '../../config/schema.js';
import { TrainingError, UserError } from '../../errors.js';
import type { Communicator } from '../../mpi/communicator.js';
import { version } from '../../version.js';
import {
  type Begin,
  type Begun,
  type Command,
  type End,
  errorOf,
  type Failure,
  type Hello,
  type Load,
  type Loaded,
  type Probe,
} from './commands.js';
import { probeNetwork, type TimedMessages } from './network-probe.js';
import { type Crowd, firstCrowd, workersOfRanks } from './rank-workers.js';

/** Seconds without a sign of life after which a process counts as lost, until the config of the run is known. */
export const patienceAtStart = 120;

export class Ranks {
  private hellos: readonly Hello[] = [];
  /** Nothing that others were asked for is still to come. */
  private isAnswered = true;

  constructor(readonly communicator: Communicator) {}

  /**
   * Hears of all processes, before anything else is asked of them.
   *
   * @param own what this one would say
   * @throws UserError when one cannot take part, or was started otherwise than this one
   */
  async gather(own: Hello): Promise<void> {
    this.communicator.watch(patienceAtStart, (rank) => silent(`rank ${rank}`, `${patienceAtStart} s`));
    const others = await this.answers<Hello>();
    this.hellos = [own, ...others];
    if (own.failure) throw errorOf(own.failure);
    this.check(own, others);
  }

  get size(): number {
    return this.communicator.size;
  }

  get implementation(): string {
    return this.communicator.implementation;
  }

  /** Machines that they run on. */
  get hosts(): number {
    return new Set(this.hellos.map(({ host }) => host)).size;
  }

  /** Those that run on the machine of this one. */
  get onThisMachine(): number {
    const [own] = this.hellos;
    return this.hellos.filter(({ host }) => host === own!.host).length;
  }

  /** "rank 2 (process 4711 on node7)" */
  nameOf(rank: number): string {
    const { host, pid } = this.hellos[rank]!;
    return `rank ${rank} (process ${pid} on ${host})`;
  }

  /** From now on a process that gives no sign of life for so long ends the run. */
  watch(seconds: number): void {
    this.communicator.watch(seconds, (rank) => silent(this.nameOf(rank), `${seconds} s (train.rankSeconds)`));
  }

  /** Of each process, where the config leaves it to the machine. */
  workers(): readonly number[] {
    return workersOfRanks(this.hellos);
  }

  /** The first machine that has fewer threads than workers, of so many of each process. */
  crowd(workers: readonly number[]): Crowd | null {
    return firstCrowd(this.hellos, workers);
  }

  /** Has all others load the data. */
  async load(load: Omit<Load, 'kind'>): Promise<void> {
    await this.tell({ kind: 'load', ...load } satisfies Load);
  }

  /** @throws UserError unless they found the same data as this process */
  async loaded(checksum: string, dir: string | null): Promise<void> {
    const all = await this.answers<Loaded>();
    this.refuse(all);
    all.forEach((found, i) => {
      if (found.checksum === checksum) return;
      throw new UserError(
        `${this.nameOf(i + 1)} found other data in ${dir ?? 'data.builtin'} than ${this.nameOf(0)}: checksum ` +
          `${found.checksum}, expected ${checksum}. Give all machines the same files.`,
      );
    });
  }

  /** Has all others make their shares. */
  async begin(begin: Omit<Begin, 'kind'>): Promise<void> {
    await this.tell({ kind: 'begin', ...begin } satisfies Begin);
    this.refuse(await this.answers<Begun>());
  }

  /**
   * Times messages of so many numbers between all processes; nothing else may be under way.
   *
   * @param counts none to have all others answer, and no more
   */
  async probe(counts: readonly number[] = []): Promise<readonly TimedMessages[]> {
    await this.tell({ kind: 'probe', counts });
    const timed = await probeNetwork(this.communicator, counts);
    await this.answers();
    return timed;
  }

  /** Sends all others a message. */
  async tell(message: Load | Begin | Probe | Command): Promise<void> {
    this.isAnswered = false;
    await this.communicator.broadcast(serialize(message));
  }

  /** What each of the others has answered, in the order of ranks. */
  async answers<T>(): Promise<readonly T[]> {
    const others = Array.from({ length: this.size - 1 }, (_, i) => i + 1);
    const answers = await Promise.all(
      others.map(async (rank) => deserialize(await this.communicator.receive(rank)) as T),
    );
    this.isAnswered = true;
    return answers;
  }

  /**
   * Dismisses all others, which end as this process does.
   *
   * @throws TrainingError when one of them was lost, on the way or before
   */
  async end(): Promise<void> {
    // What it was asked for last may have been given up here, but is done there.
    if (!this.isAnswered) await this.answers();
    await this.communicator.broadcast(serialize({ kind: 'end' } satisfies End));
    await this.answers();
    this.communicator.close();
  }

  private check(own: Hello, others: readonly Hello[]): void {
    this.refuse(others);
    others.forEach(({ recapVersion, config }, i) => {
      const name = this.nameOf(i + 1);
      if (recapVersion !== version) {
        throw new UserError(`${name} is recap ${recapVersion}, ${this.nameOf(0)} is ${version}. Install one version.`);
      }
      refuseOtherConfig(name, own.config, config);
    });
  }

  private refuse(answers: readonly { readonly failure: Failure | null }[]): void {
    answers.forEach(({ failure }, i) => {
      if (failure) throw errorOf(failure, this.nameOf(i + 1));
    });
  }
}

function refuseOtherConfig(name: string, own: Config | null, theirs: Config | null): void {
  const [difference] = differences(own, theirs);
  if (!difference) return;
  throw new UserError(
    `${name} was started with another config than rank 0: ${difference.key === '' ? 'one of them has none' : difference.text}. ` +
      'Start all ranks with the same command line, and give all machines the same file.',
  );
}

function silent(name: string, time: string): TrainingError {
  return new TrainingError(
    `${name} has given no sign of life for ${time}: it was stopped, hangs, or its machine or ` +
      'network is gone. The whole job ends; go on from its last checkpoint with recap train --resume.',
  );
}
