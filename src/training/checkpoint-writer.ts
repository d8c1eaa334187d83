/** Writes checkpoints in the background: a step waits for a copy of the numbers, never for the disk. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SharedMemory } from '../engine/engine.js';
import { bytesOf, flatView } from '../engine/shared-memory.js';
import { removeLeftovers } from '../files/atomic-file.js';
import { type CheckpointState, checkpointSteps, readCheckpointState } from './checkpoint.js';
import type { CheckpointJob, JobResult } from './checkpoint-file.js';
import { checkpointName, formatVersion, stepOfName } from './checkpoint-format.js';
import { workerFile } from './worker-files.js';

export interface CheckpointWriterOptions {
  /** The run's `checkpoints` folder. Whoever opens a writer holds the run's lock. */
  readonly folder: string;
  readonly runId: string;
  readonly memory: SharedMemory;
  /** Newest checkpoints that are kept, at least 1; the best one is kept beside them. */
  readonly keep: number;
  /** Files whose bytes must be on the disk before a checkpoint appears: the metrics log. */
  readonly syncFirst: readonly string[];
}

/** What the trainer knows; the writer adds the rest. */
export type TrainingState = Omit<CheckpointState, 'formatVersion' | 'runId'>;

export type SaveResult =
  | {
      readonly written: true;
      readonly step: number;
      readonly path: string;
      readonly bytes: number;
      /** From the start of the writing to its end, on the writer's thread. */
      readonly milliseconds: number;
    }
  | {
      readonly written: false;
      readonly step: number;
      readonly path: string;
      readonly reason: string;
      /** Nothing failed: a newer checkpoint came before this one's turn. */
      readonly superseded: boolean;
    };

interface Save {
  readonly step: number;
  readonly validationLoss: number | null;
  readonly job: Omit<CheckpointJob, 'remove'>;
  readonly settle: (result: SaveResult) => void;
}

/** A checkpoint in the folder that this run wrote, so that this run may delete it. */
interface OwnFile {
  readonly step: number;
  readonly validationLoss: number | null;
}

/**
 * One thread writes one checkpoint at a time. While it does, one more may wait with a snapshot of its own; a third
 * takes the place of the waiting one, which is then reported as not written. So memory stays at two snapshots at most
 * and a disk slower than the interval between checkpoints costs checkpoints, not steps.
 */
export class CheckpointWriter {
  private worker: Worker | null = null;
  private running: Save | null = null;
  private waiting: Save | null = null;
  private readonly spare: SharedArrayBuffer[] = [];
  private readonly whenIdle: (() => void)[] = [];
  /** In the order of writing. */
  private own: OwnFile[];

  /** Makes the folder, and clears it of what a killed process of this run left half-written. */
  constructor(private readonly options: CheckpointWriterOptions) {
    mkdirSync(options.folder, { recursive: true });
    removeLeftovers(options.folder, (name) => stepOfName(name) !== null);
    this.own = ownFiles(options.folder, options.runId);
  }

  /**
   * Copies parameters and moments at once and returns; the promise settles when the checkpoint is on the disk or could
   * not be put there. It never rejects: what fails leaves earlier checkpoints as they are, and the run may go on.
   */
  save(state: TrainingState): Promise<SaveResult> {
    const { folder, runId, memory, syncFirst } = this.options;
    if (this.waiting) this.supersede(this.waiting, state.step);
    const snapshot = this.spare.pop() ?? new SharedArrayBuffer(3 * flatBytes(memory));
    copyInto(snapshot, memory);
    const text: CheckpointState = { formatVersion, runId, ...state };
    return new Promise((settle) => {
      this.waiting = {
        step: state.step,
        validationLoss: state.validationLoss,
        job: {
          path: join(folder, checkpointName(state.step)),
          state: JSON.stringify(text),
          layout: memory.parameterLayout,
          precision: memory.precision,
          snapshot,
          syncFirst,
        },
        settle,
      };
      this.startNext();
    });
  }

  /** Waits until everything asked for is on the disk or has failed. */
  async flush(): Promise<void> {
    if (this.running) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }

  /** Flushes and ends the thread. */
  async close(): Promise<void> {
    await this.flush();
    await this.worker?.terminate();
  }

  private startNext(): void {
    if (this.running) return;
    if (!this.waiting) {
      for (const resolve of this.whenIdle.splice(0)) resolve();
      return;
    }
    const save = this.waiting;
    this.waiting = null;
    this.running = save;
    const after = this.after(save);
    const remove = after
      .filter((file) => !keeps(after, file, this.options.keep))
      .map(({ step }) => join(this.options.folder, checkpointName(step)));
    try {
      this.worker ??= this.startWorker();
      // An idle writer does not keep the process alive, a busy one does.
      this.worker.ref();
      this.worker.postMessage({ ...save.job, remove } satisfies CheckpointJob);
    } catch (error) {
      this.finish({ written: false, reason: (error as Error).message });
    }
  }

  private startWorker(): Worker {
    const worker = new Worker(workerFile('checkpoint-writer'), { execArgv: [] });
    worker.on('message', (result: JobResult) => this.finish(result));
    worker.on('error', (error) => this.loseWorker(worker, error.message));
    worker.on('exit', () => this.loseWorker(worker, "the writer's thread ended"));
    return worker;
  }

  /** The next checkpoint starts a fresh thread. */
  private loseWorker(worker: Worker, reason: string): void {
    if (this.worker !== worker) return;
    this.worker = null;
    if (this.running) this.finish({ written: false, reason });
  }

  private finish(result: JobResult): void {
    const save = this.running;
    if (!save) return;
    this.running = null;
    this.worker?.unref();
    this.spare.push(save.job.snapshot);
    if (result.written) {
      const after = this.after(save);
      this.own = after.filter((file) => keeps(after, file, this.options.keep));
    }
    const { step, job } = save;
    const place = { step, path: job.path };
    save.settle(result.written ? { ...place, ...result } : { ...place, ...result, superseded: false });
    this.startNext();
  }

  private supersede(save: Save, step: number): void {
    this.waiting = null;
    this.spare.push(save.job.snapshot);
    const reason = `the disk was still busy when the checkpoint of step ${step} was due`;
    save.settle({ written: false, step: save.step, path: save.job.path, reason, superseded: true });
  }

  /** This run's files once `save` is written. */
  private after({ step, validationLoss }: OwnFile): OwnFile[] {
    return [...this.own.filter((file) => file.step !== step), { step, validationLoss }];
  }
}

/** Whether `file` is one of the last `keep` or the first with the lowest validation loss. */
function keeps(files: readonly OwnFile[], file: OwnFile, keep: number): boolean {
  if (files.indexOf(file) >= files.length - keep) return true;
  const { validationLoss } = file;
  if (validationLoss === null) return false;
  return !files.some(
    (other) =>
      other.validationLoss !== null &&
      (other.validationLoss < validationLoss || (other.validationLoss === validationLoss && other.step < file.step)),
  );
}

/** A file that cannot be read is nobody's and stays. */
function ownFiles(folder: string, runId: string): OwnFile[] {
  return checkpointSteps(folder).flatMap((step) => {
    try {
      const state = readCheckpointState(join(folder, checkpointName(step)));
      return state.runId === runId ? [{ step, validationLoss: state.validationLoss }] : [];
    } catch {
      return [];
    }
  });
}

function flatBytes(memory: SharedMemory): number {
  return memory.parameterLayout.length * bytesOf(memory.precision);
}

function copyInto(snapshot: SharedArrayBuffer, memory: SharedMemory): void {
  const bytes = flatBytes(memory);
  [memory.parameters, memory.m, memory.v].forEach((offset, i) => {
    const source = flatView(memory, offset);
    new Uint8Array(snapshot, i * bytes, bytes).set(new Uint8Array(source.buffer, source.byteOffset, bytes));
  });
}
