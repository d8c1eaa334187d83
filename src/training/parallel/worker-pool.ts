/**
 * The Piscina pool of shard workers. A task that fails because its thread threw, exited, ran out of memory or hung is
 * run again on a fresh thread; since tasks are pure functions of shared memory, or journaled, the result is the same.
 */
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { TrainingError, UserError } from '../../errors.js';
import type { Task, TaskReply, TaskResult, WorkerSetup } from './tasks.js';

export interface WorkerPoolOptions {
  readonly workers: number;
  /** Time limit of a task. */
  readonly taskSeconds: number;
  /** The entry file of a worker. */
  readonly file: string;
  readonly setup: WorkerSetup;
  /** Told of every failure that was mended. */
  readonly onFault: (message: string) => void;
}

/** Tries of one task before the run gives up. */
const mostTries = 3;
/** A thread inside a native call ends only when the call returns. */
const mostSecondsToEnd = 60;

export class WorkerPool {
  private readonly pool: Piscina<Task, TaskReply>;
  /** Threads that have not exited yet, including those that Piscina has given up. */
  private readonly alive = new Map<Worker, Promise<void>>();
  /** Tasks beyond one a worker. Piscina would queue them too, but their time limits would run from that moment. */
  private readonly waiting: (() => void)[] = [];
  private free: number;
  /** Ends the tries that are under way. */
  private readonly underWay = new Set<AbortController>();
  private closed = false;

  constructor(private readonly options: WorkerPoolOptions) {
    const { workers, file, setup } = options;
    this.free = workers;
    this.pool = new Piscina<Task, TaskReply>({
      filename: file,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      // Waiting on Atomics would block the event loop that a GPU's callbacks need.
      atomics: 'disabled',
      // Not the caller's: what Node was given to run a script from its command line keeps a worker from starting.
      execArgv: [],
      workerData: setup,
    });
    this.watchThreads();
    // Piscina starts the replacement right after this event.
    this.pool.on('workerDestroy', () => queueMicrotask(() => this.watchThreads()));
    // A thread that dies without a task. Without a listener its error would end the process.
    this.pool.on('error', (error: Error) => {
      if (this.pool.threads.length > 0) this.options.onFault(`a worker stopped between tasks: ${error.message}`);
      else this.giveUpTries(error);
    });
  }

  /**
   * @throws UserError or TrainingError as the worker threw it
   * @throws TrainingError when the task fails again and again
   */
  async run(task: Task): Promise<TaskResult> {
    for (let tries = 1; ; tries++) {
      try {
        const reply = await this.tryOnce(task);
        if ('known' in reply)
          throw reply.known === 'UserError' ? new UserError(reply.message) : new TrainingError(reply.message);
        return reply;
      } catch (error) {
        if (error instanceof UserError || error instanceof TrainingError) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        if (tries === mostTries || this.closed) {
          throw new TrainingError(`A worker failed ${tries} times at the same task (${task.kind}): ${reason}`);
        }
        this.options.onFault(`a worker failed (${task.kind}): ${reason}; the task runs again on a fresh worker`);
        await this.lostThreadsGone();
      }
    }
  }

  /** Lets every worker give its engine back, then ends all threads. */
  async close(): Promise<void> {
    this.closed = true;
    const { workers } = this.options;
    const task: Task = { kind: 'dispose', workers };
    await Promise.allSettled(Array.from({ length: workers }, () => this.tryOnce(task)));
    await this.pool.destroy();
  }

  private async tryOnce(task: Task): Promise<TaskReply> {
    if (this.free === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.free--;
    const { taskSeconds } = this.options;
    const limit = new AbortController();
    this.underWay.add(limit);
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${taskSeconds} s`)), taskSeconds * 1000);
    try {
      const reply = this.pool.run(task, { signal: limit.signal });
      this.watchThreads();
      return await reply;
    } catch (error) {
      throw (error as Error).name === 'AbortError' ? limit.signal.reason : error;
    } finally {
      clearTimeout(timer);
      this.underWay.delete(limit);
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }

  private watchThreads(): void {
    for (const thread of this.pool.threads) {
      if (this.alive.has(thread)) continue;
      const gone = new Promise<void>((resolve) => {
        thread.once('exit', (code) => {
          this.alive.delete(thread);
          resolve();
          if (this.pool.threads.length === 0) this.giveUpTries(new Error(`worker exited with code: ${code}`));
        });
      });
      this.alive.set(thread, gone);
    }
  }

  /** After threads that died before they were ready Piscina starts no others, and would leave the tasks waiting. */
  private giveUpTries(reason: Error): void {
    for (const each of this.underWay) each.abort(reason);
  }

  /** A terminated thread may still be inside a native call, writing to the shard that is about to be run again. */
  private async lostThreadsGone(): Promise<void> {
    const current = new Set(this.pool.threads);
    const lost = [...this.alive].filter(([thread]) => !current.has(thread)).map(([, gone]) => gone);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `A worker that failed has not ended for ${mostSecondsToEnd} s, so its task cannot run again.`;
      timer = setTimeout(() => reject(new TrainingError(message)), mostSecondsToEnd * 1000);
    });
    try {
      await Promise.race([Promise.all(lost), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
