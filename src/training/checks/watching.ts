/** What it costs to watch a run: its log, TensorBoard's events, its notices and a display, all on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Trainer } from '../loop/trainer.js';
import type { TrainingStep } from '../loop/training-steps.js';
import { healthOf } from '../run/health.js';
import { noProgress } from '../run/progress.js';
import { allEvents } from '../run/run-events.js';
import { RunLog } from '../run/run-log.js';

export interface WatchingCost {
  /** Milliseconds of the main thread, of each step in its order. */
  readonly steps: readonly number[];
  /** Milliseconds that the distributions of parameters and gradients take at a validation. */
  readonly validationMs: number;
}

export class Watching {
  private readonly folder = mkdtempSync(join(tmpdir(), 'recap-bench-'));
  private readonly log: RunLog;
  private readonly steps: number[] = [];

  /**
   * Writes into a folder of its own, which `close` removes.
   *
   * @param trainer whose config wants TensorBoard's events
   * @throws the error of the system call where there is no room for temporary files
   */
  constructor(
    trainer: Trainer,
    private readonly display: (step: TrainingStep) => void,
  ) {
    const { folder: dir } = this;
    const place = { dir, metricsPath: join(dir, 'metrics.jsonl'), checkpointsDir: dir };
    const folder = { ...place, holding: () => ({ state: 'held' }) as const };
    const from = { step: noProgress.step, owesValidation: false, lastStep: null };
    this.log = new RunLog(trainer, folder, { from, health: healthOf(trainer) }, allEvents());
  }

  /** As after each step of a run, but that the files, which a run writes once a second, are written at once. */
  step(step: TrainingStep): void {
    const start = performance.now();
    this.log.step(step);
    this.display(step);
    this.log.flush();
    this.steps.push(performance.now() - start);
  }

  /** After the last step. */
  cost(step: number): WatchingCost {
    let validationMs = Number.POSITIVE_INFINITY;
    // The first time it is compiled.
    for (let time = 0; time < 2; time++) {
      const start = performance.now();
      this.log.distributions(step);
      this.log.flush();
      validationMs = Math.min(validationMs, performance.now() - start);
    }
    return { steps: this.steps, validationMs };
  }

  close(): void {
    this.log.close(null);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
