/** Writes checkpoints in the background: a step waits for a copy of the numbers, never for the disk. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SharedMemory } from '../../engine/engine.js';
import { changedArrays, parametersOf, trainedView } from '../../engine/shared-memory.js';
import { removeLeftovers } from '../../files/atomic-file.js';
import { workerFile } from '../../files/worker-files.js';
import type { NumberArray } from '../../tensor/matrix.js';
import { version } from '../../version.js';
import { arithmeticVersion } from './arithmetic-version.js';
import type { CheckpointState } from './checkpoint.js';
import type { CheckpointJob, JobResult } from './checkpoint-file.js';
import { ownSteps } from './checkpoint-folder.js';
import {
  averagePrefix,
  bestName,
  checkpointName,
  formatVersion,
  statePrefix,
  stepOfName,
} from './checkpoint-format.js';

export interface CheckpointWriterOptions {
  /** The run's `checkpoints` folder. Whoever opens a writer holds the run's lock. */
  readonly folder: string;
  readonly runId: string;
  readonly memory: SharedMemory;
  /** Newest checkpoints that are kept, at least 1, the best one aside. */
  readonly keep: number;
  /** Files whose bytes must be on the disk before a checkpoint appears: the metrics log. */
  readonly syncFirst: readonly string[];
  /** The lock file of the run's holder; nothing is written where it is not. */
  readonly guardFile: string;
}

/** What the trainer knows; the writer adds the rest. */
export type TrainingState = Omit<CheckpointState, 'formatVersion' | 'recapVersion' | 'arithmeticVersion' | 'runId'>;

/** `best` has one name and is replaced, `step` has a name of its own for each step and is pruned. */
export type CheckpointKind = 'best' | 'step';

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
      /** Nothing failed: a newer checkpoint of its kind came before this one's turn. */
      readonly superseded: boolean;
      /** It is kept in memory and tried again before the next one and at the end. */
      readonly kept: boolean;
    };

interface Save {
  readonly kind: CheckpointKind;
  readonly step: number;
  readonly job: Omit<CheckpointJob, 'remove'>;
  readonly settle: (result: SaveResult) => void;
}

/**
 * One thread writes one checkpoint at a time. While it does, one more of each kind may wait with a snapshot of its own;
 * a newer one takes the place of the waiting one of its kind, which is then reported as not written. So memory stays at
 * three snapshots at most and a disk slower than the interval between checkpoints costs checkpoints, not steps.
 *
 * A waiting best one goes first, and one that failed is tried again before anything else is written, so that no
 * checkpoint appears before the best one that it already counts.
 */
export class CheckpointWriter {
  private worker: Worker | null = null;
  private running: Save | null = null;
  private readonly waiting: Record<CheckpointKind, Save | null> = { best: null, step: null };
  /** A best one that could not be written and waits for the next save or the end. */
  private failedBest: Save | null = null;
  /** The waiting one before which that was tried again. */
  private triedBestFor: Save | null = null;
  private readonly spare: SharedArrayBuffer[] = [];
  private readonly whenIdle: (() => void)[] = [];
  /** Steps of the checkpoints that this run wrote, and so may delete, in the order of writing. */
  private own: number[];

  /** Makes the folder, and clears it of what a killed process of this run left half-written. */
  constructor(private readonly options: CheckpointWriterOptions) {
    mkdirSync(options.folder, { recursive: true });
    removeLeftovers(options.folder, (name) => name === bestName || stepOfName(name) !== null);
    this.own = ownSteps(options.folder, options.runId);
  }

  /**
   * Copies parameters and the optimiser's arrays at once and returns; the promise settles when the checkpoint is on the disk or could
   * not be put there. It never rejects: what fails leaves earlier checkpoints as they are, and the run may go on.
   */
  save(state: TrainingState, kind: CheckpointKind = 'step'): Promise<SaveResult> {
    const { folder, runId, memory, syncFirst, guardFile } = this.options;
    const { step } = state;
    const path = join(folder, kind === 'best' ? bestName : checkpointName(step));
    const { [kind]: waiting } = this.waiting;
    if (waiting) this.supersede(waiting, step);
    if (kind === 'best') this.dropFailedBest();
    let snapshot: SharedArrayBuffer;
    try {
      snapshot = this.spare.pop() ?? new SharedArrayBuffer(snapshotBytes(memory));
    } catch (error) {
      const reason = (error as Error).message;
      return Promise.resolve({ written: false, step, path, reason, superseded: false, kept: false });
    }
    copyInto(snapshot, memory);
    const text: CheckpointState = { formatVersion, recapVersion: version, arithmeticVersion, runId, ...state };
    const { layout, precision } = memory;
    const prefixes = [...Object.keys(memory.states).map((name) => statePrefix(state.rule, name))];
    if (memory.average !== null) prefixes.push(averagePrefix);
    return new Promise((settle) => {
      const job = {
        path,
        state: JSON.stringify(text),
        layout,
        precision,
        prefixes,
        snapshot,
        syncFirst,
        guardFile,
      };
      this.waiting[kind] = { kind, step, job, settle };
      this.startNext();
    });
  }

  /** Waits until everything asked for is on the disk or has failed. */
  async flush(): Promise<void> {
    if (this.running) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }

  /** Flushes, tries a best one that failed a last time, and ends the thread. */
  async close(): Promise<void> {
    await this.flush();
    this.waiting.best = this.failedBest;
    this.failedBest = null;
    this.startNext();
    await this.flush();
    await this.worker?.terminate();
  }

  private startNext(): void {
    if (this.running) return;
    const save = this.takeNext();
    if (!save) {
      for (const resolve of this.whenIdle.splice(0)) resolve();
      return;
    }
    this.running = save;
    const remove = this.superfluousAfter(save).map((step) => join(this.options.folder, checkpointName(step)));
    try {
      this.worker ??= this.startWorker();
      // An idle writer does not keep the process alive, a busy one does.
      this.worker.ref();
      this.worker.postMessage({ ...save.job, remove } satisfies CheckpointJob);
    } catch (error) {
      this.finish({ written: false, reason: (error as Error).message });
    }
  }

  private takeNext(): Save | null {
    const { best, step } = this.waiting;
    if (best) {
      this.waiting.best = null;
      return best;
    }
    if (step && this.failedBest && this.triedBestFor !== step) {
      // Its failure has been reported, so its settling a second time is heard by nobody.
      const again = this.failedBest;
      this.failedBest = null;
      this.triedBestFor = step;
      return again;
    }
    this.waiting.step = null;
    return step;
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
    const { kind, step, job } = save;
    const kept = !result.written && kind === 'best' && !this.waiting.best;
    if (kept) this.failedBest = save;
    else this.spare.push(job.snapshot);
    if (result.written && kind === 'step') {
      const superfluous = this.superfluousAfter(save);
      this.own = this.ownAfter(save).filter((each) => !superfluous.includes(each));
    }
    const place = { step, path: job.path };
    save.settle(result.written ? { ...place, ...result } : { ...place, ...result, superseded: false, kept });
    this.startNext();
  }

  private supersede({ kind, job, step, settle }: Save, newer: number): void {
    this.waiting[kind] = null;
    this.spare.push(job.snapshot);
    const reason = `the disk was still busy when the checkpoint of step ${newer} was due`;
    settle({ written: false, step, path: job.path, reason, superseded: true, kept: false });
  }

  private dropFailedBest(): void {
    if (this.failedBest) this.spare.push(this.failedBest.job.snapshot);
    this.failedBest = null;
  }

  private ownAfter({ step }: Save): number[] {
    return [...this.own.filter((each) => each !== step), step];
  }

  /** Steps of this run's checkpoints that may go once `save` is written. */
  private superfluousAfter(save: Save): number[] {
    return save.kind === 'best' ? [] : this.ownAfter(save).slice(0, -this.options.keep);
  }
}

function snapshotBytes(memory: SharedMemory): number {
  return savedArrays(memory).reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** All parameters, then the trained part of each of the optimiser's arrays and of the average. */
function savedArrays(memory: SharedMemory): readonly NumberArray[] {
  const [, ...beside] = changedArrays(memory, 'parameters').map((offset) => trainedView(memory, offset));
  return [parametersOf(memory), ...beside];
}

function copyInto(snapshot: SharedArrayBuffer, memory: SharedMemory): void {
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of savedArrays(memory)) {
    new Uint8Array(snapshot, at, byteLength).set(new Uint8Array(buffer, byteOffset, byteLength));
    at += byteLength;
  }
}
