/** What a run writes down of itself, beside its checkpoints. */

import { statfsSync } from 'node:fs';
import type { Scores } from '../../evaluation/score-captions.js';
import { checkpointSteps } from '../checkpoints/checkpoint-folder.js';
import type { Trainer } from '../loop/trainer.js';
import type { TrainingStep } from '../loop/training-steps.js';
import type { SampleCaption, ValidationLoss } from '../loop/validation.js';
import type { Health } from './health.js';
import type { HealthNotice } from './health-rules.js';
import { MetricsLog } from './metrics-log.js';
import { type RunRecord, type SampleRecord, stepRecord } from './records.js';
import type { RunEvents } from './run-events.js';
import type { RunFolder } from './run-folder.js';
import { type LastGradient, parameterHistograms } from './tensorboard/parameter-histograms.js';
import { type Continuation, TensorBoardLog } from './tensorboard/tensorboard-log.js';
import { Thumbnails } from './thumbnails.js';

/** Of a validation all of which is done. */
export interface ValidationResult extends ValidationLoss {
  readonly scores: Scores | null;
  readonly samples: readonly SampleRecord[];
}

export class RunLog {
  private readonly metrics: MetricsLog;
  private readonly thumbnails: Thumbnails;
  /** Null where none is wanted. */
  private readonly tensorboard: TensorBoardLog | null;
  private readonly health: Health;
  private gradient: LastGradient | null = null;

  /** @param from where the run goes on; null where nothing is left of it to do */
  constructor(
    private readonly trainer: Trainer,
    private readonly folder: Pick<RunFolder, 'dir' | 'metricsPath' | 'checkpointsDir' | 'holding'>,
    { from, health }: { readonly from: Continuation | null; readonly health: Health },
    private readonly events: RunEvents,
  ) {
    this.health = health;
    const { config } = trainer;
    const mayWrite = () => folder.holding().state === 'held';
    const options = { warn: (message: string) => events.warning(message), mayWrite };
    this.metrics = new MetricsLog(folder.metricsPath, options);
    this.thumbnails = new Thumbnails(folder.dir, mayWrite);
    this.tensorboard = config.report.tensorboard && from ? new TensorBoardLog(folder.dir, config, from, options) : null;
  }

  step(step: TrainingStep): void {
    this.append(stepRecord(step, this.trainer.workers));
    this.gradient = step.skipped === null ? { source: step.source, divisor: step.captions } : null;
    if (step.skipped !== null) this.nonFinite(step.step, step.skipped);
  }

  nonFinite(step: number, fault: string): void {
    this.append({ type: 'nonFinite', step, fault });
  }

  /** @param step that was under way */
  fault(step: number, fault: string): void {
    this.append({ type: 'fault', step, fault });
  }

  /** Of parameters and gradients, for those who look at them; to be called before a validation, while the gradient is there. */
  distributions(step: number): void {
    if (this.tensorboard === null) return;
    const { coordinator, ranks } = this.trainer;
    // Of several processes none has the gradients of all shards.
    const gradient = ranks ? null : this.gradient;
    this.tensorboard.histograms(step, parameterHistograms(coordinator.memory, gradient));
  }

  validation(step: number, epoch: number, { scores, samples, ...losses }: ValidationResult): void {
    this.append({ type: 'validation', step, epoch, ...losses, ...(scores ? { scores } : {}) });
    if (samples.length > 0) this.append({ type: 'samples', step, epoch, samples });
  }

  /** Makes pictures of captioned images of the validation split. */
  async pictured(samples: readonly SampleCaption[]): Promise<SampleRecord[]> {
    const { name } = this.trainer.dataset.val;
    const pictured = samples.map(async (sample): Promise<SampleRecord> => {
      const thumbnail = await this.thumbnails.of(name, sample.image, sample.url);
      return thumbnail === null ? sample : { ...sample, thumbnail };
    });
    return Promise.all(pictured);
  }

  /** Looks whether there is room for the checkpoints to come, of which one has just been written. */
  disk(step: number, checkpointBytes: number): void {
    const { config, lastStep } = this.trainer;
    const { keep, everySteps } = config.checkpoint;
    if (step >= lastStep) return;
    let free: number;
    let there: number;
    try {
      const { bavail, bsize } = statfsSync(this.folder.checkpointsDir);
      free = bavail * bsize;
      there = checkpointSteps(this.folder.checkpointsDir).length;
    } catch {
      // A disk that is gone is told where something is written to it.
      return;
    }
    const toCome = Math.min(Math.ceil((lastStep - step) / everySteps), Math.max(0, keep - there));
    // A file is written beside the one that it replaces.
    this.notice(step, this.health.disk(free, (toCome + 1) * checkpointBytes));
  }

  /** Hands all that waits to the system; to be called before a checkpoint is saved. Never throws. */
  flush(): void {
    this.metrics.write();
    this.tensorboard?.write();
  }

  /** @param completed at which step the run has come to its end; null where it has not */
  close(completed: number | null): void {
    this.metrics.close();
    if (completed !== null) this.tensorboard?.complete(completed);
    this.tensorboard?.close();
  }

  private append(record: RunRecord): void {
    this.write(record);
    this.notice(record.step, this.health.observe(record));
  }

  private notice(step: number, notices: readonly HealthNotice[]): void {
    for (const notice of notices) {
      this.write({ type: 'health', step, ...notice });
      this.events.health(notice);
    }
  }

  private write(record: RunRecord): void {
    this.metrics.append(record);
    this.tensorboard?.append(record);
    this.events.recorded(record);
  }
}
