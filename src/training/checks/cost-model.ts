/**
 * What a step takes on so many processes, from what one process takes and what messages cost.
 *
 * A message of n bytes takes α + n/β, of latency α and bandwidth β (Hockney 1994), and a process sends or receives one
 * message after another. What a collective operation takes then follows from its algorithm (Thakur, Rabenseifner and
 * Gropp, "Optimization of Collective Communication Operations in MPICH", 2005). The algorithms are those of the
 * non-blocking operations of Open MPI 4 (ompi/mca/coll/libnbc), which are simpler than those of its blocking ones.
 * Nothing is exchanged while shards are computed, so the times of a step add up.
 */
import type { Config } from '../../config/schema.js';

/** Of the messages between two processes. */
export interface Network {
  /** α, milliseconds a message. */
  readonly latency: number;
  /** β, bytes a millisecond. */
  readonly bandwidth: number;
}

/** What something takes that has a fixed cost and one for each of what it is made of. */
export interface Line {
  readonly fixed: number;
  readonly each: number;
}

/** What one process takes, and what is sent; milliseconds and bytes. */
export interface StepCosts {
  /** Of a shard, and each of its captions. */
  readonly shard: Line;
  /** Of each parameter that a process updates, and of each shard whose gradient is added up for it. */
  readonly update: Line;
  /** Of everything else in a step, which more processes make no shorter. */
  readonly rest: number;
  /** Until the other processes have noticed that something is to be done after they have computed, and the first one that they are done. */
  readonly notice: number;
  /** Parameters that are trained. */
  readonly parameters: number;
  /** Of a parameter. */
  readonly numberBytes: number;
  /** Of a caption of a minibatch, which the first process sends to all. */
  readonly captionBytes: number;
}

export type Reduction = Config['train']['reduction'];

/** What is trained and how. */
export interface Job {
  /** Captions of a minibatch. */
  readonly batchSize: number;
  /** Minibatches of a step. */
  readonly accumulate: number;
  /** Of each process. */
  readonly workers: number;
  readonly reduction: Reduction;
  /** Whether the norm of the gradient is needed before the update. */
  readonly clips: boolean;
  /** Parts that so many processes cut a minibatch of so many captions into. */
  readonly shards: (ranks: number, batchSize: number) => number;
}

/** What the process with the most of it sends or receives, one message after another. */
export interface Traffic {
  readonly messages: number;
  readonly bytes: number;
}

/** Milliseconds of a step. */
export interface StepTime {
  /** Forward and backward. */
  readonly compute: number;
  /** Adding up gradients, and the optimiser. */
  readonly update: number;
  /** Messages, and until they are noticed. */
  readonly communication: number;
  readonly total: number;
  readonly traffic: Traffic;
}

/** Bytes of a command besides its captions, and of an answer: what a serialised object of a few numbers takes. */
const commandBytes = 256;

/** Milliseconds. */
export function transferTime({ messages, bytes }: Traffic, { latency, bandwidth }: Network): number {
  return messages * latency + bytes / bandwidth;
}

/** MPI_Ibcast: up to 4 processes the first one sends to each other, and among more it is a binomial tree. */
export function broadcast(ranks: number, bytes: number): Traffic {
  const messages = ranks <= 4 ? ranks - 1 : rounds(ranks);
  return { messages, bytes: messages * bytes };
}

/** MPI_Ialltoallv: each process sends so many bytes to each other one. */
export function allToAll(ranks: number, bytes: number): Traffic {
  return { messages: ranks - 1, bytes: (ranks - 1) * bytes };
}

/** MPI_Iallgatherv: each process sends its part of so many bytes to each other one. */
export function allGather(ranks: number, bytes: number): Traffic {
  return { messages: ranks - 1, bytes: ((ranks - 1) / ranks) * bytes };
}

/** A command to all, told its length first, and the answer of each, which tells its length too. */
export function command(ranks: number, bytes: number): Traffic {
  const answers = { messages: 2 * (ranks - 1), bytes: (ranks - 1) * commandBytes };
  return sum([broadcast(ranks, 4), broadcast(ranks, bytes), answers]);
}

/** All messages of a step. */
export function trafficOf(costs: StepCosts, job: Job, ranks: number): Traffic {
  const { batchSize, accumulate, clips, reduction } = job;
  const bytes = costs.parameters * costs.numberBytes;
  // One for the first shard of each process, one for the second, and so on; or one for each process as a whole.
  const exchanges = reduction === 'fast' ? 1 : Math.ceil(job.shards(ranks, batchSize) / ranks);
  const reduce = times(exchanges, allToAll(ranks, bytes / ranks));
  return sum([
    times(accumulate, command(ranks, commandBytes + batchSize * costs.captionBytes)),
    // What is kept of each minibatch but the last, the norm, the update.
    times(accumulate - 1 + (clips ? 1 : 0) + 1, command(ranks, commandBytes)),
    times(accumulate, reduce),
    allGather(ranks, bytes),
  ]);
}

/** A step on so many processes, on machines of the same kind. */
export function stepTime(costs: StepCosts, job: Job, network: Network, ranks: number): StepTime {
  const { batchSize, accumulate, workers } = job;
  const shards = job.shards(ranks, batchSize);
  const shardsOfWorker = Math.ceil(Math.ceil(shards / ranks) / workers);
  const rows = Math.max(1, batchSize / shards);
  const compute = accumulate * shardsOfWorker * lineAt(costs.shard, rows);
  const update = updateTime(costs, job, ranks, shards);
  const traffic = trafficOf(costs, job, ranks);
  const communication = ranks === 1 ? 0 : accumulate * costs.notice + transferTime(traffic, network);
  return { compute, update, communication, total: compute + update + communication + costs.rest, traffic };
}

/** Milliseconds in which gradients are added up and the optimiser's rule is applied. */
function updateTime(costs: StepCosts, { reduction, accumulate }: Job, ranks: number, shards: number): number {
  const { update, parameters } = costs;
  if (reduction === 'ordered' || ranks === 1) return (parameters / ranks) * lineAt(update, shards);
  // Each process adds up what its shards have of all parameters, and then what all processes have of its own.
  const additions = Math.ceil(shards / ranks) + 1;
  return accumulate * parameters * update.each * additions + (parameters / ranks) * lineAt(update, 1);
}

/** The share of so many times the speed of one process that so many processes reach. */
export function efficiency(costs: StepCosts, job: Job, network: Network, ranks: number): number {
  return stepTime(costs, job, network, 1).total / (ranks * stepTime(costs, job, network, ranks).total);
}

/** The largest minibatch that is looked at: as large as `train.batchSize` may be. */
const mostRows = 65_536;

/** About the smallest minibatch by which so many processes reach an efficiency; null where no minibatch is large enough. */
export function batchFor(wanted: number, costs: StepCosts, job: Job, network: Network, ranks: number): number | null {
  const isEnough = (batchSize: number) => efficiency(costs, { ...job, batchSize }, network, ranks) >= wanted;
  let [tooFew, enough] = [0, 1];
  while (!isEnough(enough)) {
    if (enough === mostRows) return null;
    [tooFew, enough] = [enough, Math.min(mostRows, 2 * enough)];
  }
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/** The bandwidth, bytes a millisecond, by which so many processes reach an efficiency; null where none is enough. */
export function bandwidthFor(
  wanted: number,
  costs: StepCosts,
  job: Job,
  network: Network,
  ranks: number,
): number | null {
  const most = stepTime(costs, job, network, 1).total / (ranks * wanted);
  const { total, traffic } = stepTime(costs, job, network, ranks);
  const left = most - (total - traffic.bytes / network.bandwidth);
  return left > 0 ? traffic.bytes / left : null;
}

export function lineAt({ fixed, each }: Line, count: number): number {
  return fixed + each * count;
}

/** Of a binomial tree. */
function rounds(ranks: number): number {
  return Math.ceil(Math.log2(ranks));
}

function times(count: number, { messages, bytes }: Traffic): Traffic {
  return { messages: count * messages, bytes: count * bytes };
}

function sum(traffic: readonly Traffic[]): Traffic {
  return {
    messages: traffic.reduce((total, { messages }) => total + messages, 0),
    bytes: traffic.reduce((total, { bytes }) => total + bytes, 0),
  };
}
