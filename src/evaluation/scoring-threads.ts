/** Parts of the work of scoring, on as many threads as it is worth starting. */
import { Piscina } from 'piscina';
import { usableThreads } from '../files/container-limits.js';
import { workerFile } from '../files/worker-files.js';
import { matchCaptions } from './match-captions.js';
import { resampledSums } from './resampling.js';
import { tokeniseCaptions } from './tokenise-captions.js';

/** What threads do; workers/score.ts exports the same. */
const tasks = { tokeniseCaptions, matchCaptions, resampledSums };

type Tasks = typeof tasks;
type Part<Task extends keyof Tasks> = Parameters<Tasks[Task]>[0];
type Result<Task extends keyof Tasks> = ReturnType<Tasks[Task]>;

// What a thread is worth its start for.
const captionsOfThread = 15_000;
const drawsOfThread = 2e6;

/** Threads for so many captions, references among them, and so many draws of the bootstrap. */
export function threadsFor(captions: number, draws: number): number {
  const wanted = Math.floor(Math.max(captions / captionsOfThread, draws / drawsOfThread));
  return Math.max(1, Math.min(usableThreads(), wanted));
}

export class ScoringThreads {
  private readonly pool: Piscina | null;

  /** @param count with one, everything is done on the thread that asks */
  constructor(readonly count: number) {
    if (count < 2) {
      this.pool = null;
      return;
    }
    this.pool = new Piscina({ filename: workerFile('score'), minThreads: count, maxThreads: count, execArgv: [] });
  }

  /**
   * Does a part of the whole for each thread.
   *
   * @param length of what is divided
   * @param partOf what a task is given from one place to before another
   * @returns what the tasks give, in the order of the parts
   */
  async run<Task extends keyof Tasks>(
    task: Task,
    length: number,
    partOf: (from: number, to: number) => Part<Task>,
  ): Promise<Result<Task>[]> {
    const { pool, count } = this;
    const bound = (part: number) => Math.floor((length * part) / count);
    const parts = Array.from({ length: count }, (_, part) => partOf(bound(part), bound(part + 1)));
    if (pool !== null) return Promise.all(parts.map((part) => pool.run(part, { name: task })));
    const run = tasks[task] as (part: Part<Task>) => Result<Task>;
    return parts.map(run);
  }

  async close(): Promise<void> {
    await this.pool?.destroy();
  }
}
