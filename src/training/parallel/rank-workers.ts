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
  return ranks.map(({ host, threads, processors }, rank) => {
    const sharing = [...ranks.keys()].filter(
      (other) => ranks[other]!.host === host && ranks[other]!.processors === processors,
    );
    const place = sharing.indexOf(rank);
    // The first ones get what is left over.
    const share = Math.floor(threads / sharing.length) + (place < threads % sharing.length ? 1 : 0);
    return Math.max(1, share);
  });
}
