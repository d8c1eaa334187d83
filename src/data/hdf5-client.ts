/**
 * The HDF5 library in a thread of its own.
 *
 * The library is C: on a damaged file it may print diagnostics, abort, or never return. So its output is dropped, and the
 * thread is ended when it shows no progress or has crashed.
 */
import { Worker } from 'node:worker_threads';
import type { Hdf5Entry, ReadRequest, UnfitElement } from './hdf5-blocks.js';
import type { ThreadReply, ThreadRequest } from './hdf5-thread.js';
import type { NewTable } from './hdf5-writing.js';

/** Milliseconds without any progress after which a file counts as unreadable. */
const defaultPatience = 60_000;

/** In the sources, as tests load them, the thread runs the compiled file: Node loads no TypeScript. */
const threadFile = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/src/data/hdf5-thread.js', import.meta.url)
  : new URL('./hdf5-thread.js', import.meta.url);

/** `refused`: or crashed on the file; `notStarted`: whatever the file. */
export type FailureKind = 'refused' | 'hung' | 'notStarted' | 'outOfMemory';

export class Hdf5Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
  ) {
    super(message);
  }
}

export class Hdf5Thread {
  private thread: Worker | null = null;
  private hasStarted = false;

  /** @param elementsRead told how many more elements have been read, block by block */
  constructor(
    readonly patience = defaultPatience,
    private readonly elementsRead: (elements: number) => void = () => {},
  ) {}

  /** @throws Hdf5Failure */
  async describe(path: string, names: readonly string[]): Promise<readonly Hdf5Entry[]> {
    const reply = await this.ask({ kind: 'describe', path, names });
    return (reply as ThreadReply & { kind: 'described' }).entries;
  }

  /** @throws Hdf5Failure */
  async read(request: ReadRequest): Promise<UnfitElement | null> {
    const reply = await this.ask({ kind: 'read', ...request });
    return (reply as ThreadReply & { kind: 'read' }).unfit;
  }

  /**
   * Makes a new file of these tables. One that fails is left as it is.
   *
   * @throws Hdf5Failure
   */
  async write(path: string, tables: readonly NewTable[]): Promise<void> {
    await this.ask({ kind: 'create', path });
    for (const { name, shape, blocks } of tables) {
      for (const block of blocks) await this.ask({ kind: 'append', name, shape, block });
    }
    await this.ask({ kind: 'finish' });
  }

  async close(): Promise<void> {
    const { thread } = this;
    this.thread = null;
    await thread?.terminate();
  }

  /** What a thread that ended died of. */
  private ended(): FailureKind {
    return this.hasStarted ? 'refused' : 'notStarted';
  }

  private async ask(request: ThreadRequest): Promise<ThreadReply> {
    if (!this.thread) {
      this.thread = new Worker(threadFile, { stdout: true, stderr: true, execArgv: [] });
      this.hasStarted = false;
    }
    const { thread, patience } = this;
    return await new Promise<ThreadReply>((resolve, reject) => {
      const finish = (then: () => void) => {
        clearTimeout(timer);
        thread.off('message', onMessage).off('error', onError).off('exit', onExit);
        then();
      };
      /** Whatever state the library is in: the next request gets a new thread. */
      const abandon = async (error: Error) => {
        finish(() => {});
        await this.close();
        reject(error);
      };
      const wait = () => setTimeout(() => abandon(new Hdf5Failure('hung', `no progress in ${patience} ms`)), patience);
      const onMessage = (reply: ThreadReply) => {
        if (reply.kind === 'progress') this.elementsRead(reply.elements);
        if (reply.kind === 'started' || reply.kind === 'progress') {
          this.hasStarted = true;
          clearTimeout(timer);
          timer = wait();
        } else if (reply.kind === 'failed') finish(() => reject(new Hdf5Failure(reply.failure, reply.reason)));
        else finish(() => resolve(reply));
      };
      // What has a code comes from Node, as when the thread's file is missing, and not from the library.
      const onError = (error: Error) => abandon('code' in error ? error : new Hdf5Failure(this.ended(), error.message));
      const onExit = () => abandon(new Hdf5Failure(this.ended(), 'the thread ended'));
      let timer = wait();
      thread.on('message', onMessage).on('error', onError).on('exit', onExit);
      thread.postMessage(request);
    });
  }
}
