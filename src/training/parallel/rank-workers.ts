/** How many workers each process of a run gets, where processes share a machine. */

export interface RankMachine {
  readonly host: string;
  /** Threads that the process may use. */
  readonly threads: number;
  /** The processors that it is bound to, as the system lists them; '' where it does not tell. */
  readonly processors: string;
}

/** Threads of a machine are dealt among the processes that may use the same ones; each gets at least one worker. */
export function workersOfRanks(ranks: readonly RankMachine[]): readonly number[] {
  return ranks.map(({ threads }, rank) => {
    const sharing = sharingWith(ranks, rank);
    const place = sharing.indexOf(rank);
    // The first ones get what is left over.
    const share = Math.floor(threads / sharing.length) + (place < threads % sharing.length ? 1 : 0);
    return Math.max(1, share);
  });
}

/** Workers that have fewer threads of their machine than they are. */
export interface Crowd {
  readonly host: string;
  readonly threads: number;
  readonly workers: number;
}

/**
 * @param workers of each process
 * @returns the first machine whose processes have more workers than they may use threads; null where none has
 */
export function firstCrowd(ranks: readonly RankMachine[], workers: readonly number[]): Crowd | null {
  const crowds = ranks.map(({ host, threads }, rank): Crowd => {
    const all = sharingWith(ranks, rank).reduce((sum, other) => sum + workers[other]!, 0);
    return { host, threads, workers: all };
  });
  return crowds.find((crowd) => crowd.workers > crowd.threads) ?? null;
}

/** Processes that may use the same threads as this one, which is among them. */
function sharingWith(ranks: readonly RankMachine[], rank: number): number[] {
  const { host, processors } = ranks[rank]!;
  return [...ranks.keys()].filter((other) => ranks[other]!.host === host && ranks[other]!.processors === processors);
}
