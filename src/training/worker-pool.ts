/**
 * The Piscina pool of shard workers. A task that fails because its thread threw, exited, ran out of memory or hung is
 * run again on a fresh thread; since tasks are pure functions of shared memory, or journaled, the result is the same.
 */
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { TrainingError, UserError } from '../errors.js';
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

export class WorkerPool {
  private readonly pool: Piscina<Task, TaskReply>;
  /** Threads that have not exited yet, including those that Piscina has given up. */
  private readonly alive = new Map<Worker, Promise<void>>();

  constructor(private readonly options: WorkerPoolOptions) {
    const { workers, file, setup } = options;
    this.pool = new Piscina<Task, TaskReply>({
      filename: file,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      // Waiting on Atomics would block the event loop that a GPU's callbacks need.
      atomics: 'disabled',
      workerData: setup,
    });
    this.watchThreads();
    this.pool.on('workerCreate', () => this.watchThreads());
    // A thread that dies between tasks is replaced by Piscina; without a listener its error would end the process.
    this.pool.on('error', (error: Error) => this.options.onFault(`a worker stopped between tasks: ${error.message}`));
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
        if (tries === mostTries) {
          throw new TrainingError(`A worker failed ${mostTries} times at the same task (${task.kind}): ${reason}`);
        }
        this.options.onFault(`a worker failed (${task.kind}): ${reason}; the task runs again on a fresh worker`);
        await this.lostThreadsGone();
      }
    }
  }

  /** Lets every worker give its engine back, then ends all threads. */
  async close(): Promise<void> {
    const { workers } = this.options;
    const task: Task = { kind: 'dispose', workers };
    await Promise.allSettled(Array.from({ length: workers }, () => this.tryOnce(task)));
    await this.pool.destroy();
  }

  private async tryOnce(task: Task): Promise<TaskReply> {
    const { taskSeconds } = this.options;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), taskSeconds * 1000);
    try {
      return await this.pool.run(task, { signal: limit.signal });
    } catch (error) {
      if (limit.signal.aborted) throw new Error(`no answer within ${taskSeconds} s`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private watchThreads(): void {
    for (const thread of this.pool.threads) {
      if (this.alive.has(thread)) continue;
      const gone = new Promise<void>((resolve) => {
        thread.once('exit', () => {
          this.alive.delete(thread);
          resolve();
        });
      });
      this.alive.set(thread, gone);
    }
  }

  /** A terminated thread may still be inside a native call, writing to the shard that is about to be run again. */
  private async lostThreadsGone(): Promise<void> {
    const current = new Set(this.pool.threads);
    await Promise.all([...this.alive].filter(([thread]) => !current.has(thread)).map(([, gone]) => gone));
  }
}
