/** What a run writes down of itself, beside its checkpoints. */
import type { Scores } from '../../evaluation/score-captions.js';
import type { Trainer } from '../loop/trainer.js';
import type { TrainingStep } from '../loop/training-steps.js';
import type { SampleCaption, ValidationLoss } from '../loop/validation.js';
import { MetricsLog } from './metrics-log.js';
import { type RunRecord, type SampleRecord, stepRecord } from './records.js';
import type { RunEvents } from './run-events.js';
import type { RunFolder } from './run-folder.js';
import { Thumbnails } from './thumbnails.js';

/** Of a validation all of which is done. */
export interface ValidationResult extends ValidationLoss {
  readonly scores: Scores | null;
  readonly samples: readonly SampleRecord[];
}

export class RunLog {
  /** Files that have to be on the disk before a checkpoint is. */
  readonly files: readonly string[];
  private readonly metrics: MetricsLog;
  private readonly thumbnails: Thumbnails;

  constructor(
    private readonly trainer: Trainer,
    folder: RunFolder,
    private readonly events: RunEvents,
  ) {
    const mayWrite = () => folder.holding().state === 'held';
    this.metrics = new MetricsLog(folder.metricsPath, { warn: (message) => events.warning(message), mayWrite });
    this.thumbnails = new Thumbnails(folder.dir, mayWrite);
    this.files = [folder.metricsPath];
  }

  step(step: TrainingStep): void {
    this.append(stepRecord(step, this.trainer.workers));
    if (step.skipped !== null) this.nonFinite(step.step, step.skipped);
  }

  nonFinite(step: number, fault: string): void {
    this.append({ type: 'nonFinite', step, fault });
  }

  /** @param step that was under way */
  fault(step: number, fault: string): void {
    this.append({ type: 'fault', step, fault });
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

  /** Hands all that waits to the system; to be called before a checkpoint is saved. Never throws. */
  write(): void {
    this.metrics.write();
  }

  close(): void {
    this.metrics.close();
  }

  private append(record: RunRecord): void {
    this.metrics.append(record);
    this.events.recorded(record);
  }
}
