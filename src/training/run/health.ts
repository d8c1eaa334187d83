/**
 * What a run notices of its own health. Since the rules read the log's records alone, they say of a run that goes on, or
 * of a log that is read again, what they said of the run itself.
 */
import { bytesWords } from '../../amounts.js';
import { fasterThan } from '../loop/faster-engine.js';
import type { Trainer } from '../loop/trainer.js';
import {
  GradientRule,
  type HealthKind,
  type HealthNotice,
  type HealthSubject,
  LearningRule,
  SpeedRule,
  ValidationRule,
} from './health-rules.js';
import type { LoggedRecord } from './log-lines.js';
import type { RunRecord } from './records.js';

/** Steps whose median counts as one number: enough to be deaf to single odd minibatches. */
const windowSteps = 25;
/** Captions whose loss tells where training began, before it changed anything. */
const startCaptions = 20;

/** Of a run that has not begun. */
export function healthOf({ config, stepsPerEpoch, workers, shards, engine }: Trainer): Health {
  return new Health({ config, stepsPerEpoch, workers, shards, fasterEngine: fasterThan(engine.choice) });
}

export class Health {
  private readonly told = new Set<HealthKind>();
  private readonly learning: LearningRule;
  private readonly gradients: GradientRule;
  private readonly validations: ValidationRule;
  private readonly speed: SpeedRule;

  constructor(subject: HealthSubject) {
    const { train, validate } = subject.config;
    // Captions in the order of the data may differ from one part of it to the next, but not from epoch to epoch.
    const isInOrder = train.sampling === 'sequential';
    const steps = isInOrder ? Math.max(windowSteps, subject.stepsPerEpoch) : windowSteps;
    const startSteps = isInOrder ? steps : Math.ceil(startCaptions / (train.batchSize * train.accumulate));
    this.learning = new LearningRule(steps, startSteps);
    this.gradients = new GradientRule(steps, () => this.learning.hasLearntByHeart);
    this.validations = new ValidationRule(validate.metric);
    this.speed = new SpeedRule(subject);
  }

  /** @returns what is to be said now; each kind once */
  observe(record: RunRecord): HealthNotice[] {
    return this.untold(this.found(record));
  }

  /** Takes in a record that was written before. */
  recall(logged: LoggedRecord): void {
    const record = logged as RunRecord;
    if (record.type === 'health') this.told.add(record.kind);
    else this.found(record);
  }

  /** @param needed bytes of the checkpoints to come, beside those that are there */
  disk(free: number, needed: number): HealthNotice[] {
    if (free >= needed) return [];
    const message =
      `The disk fills: ${bytesWords(free)} are free and the checkpoints to come need ${bytesWords(needed)}. Make room, or ` +
      'go on with a smaller checkpoint.keep.';
    return this.untold([{ kind: 'disk', message }]);
  }

  private found(record: RunRecord): (HealthNotice | null)[] {
    if (record.type === 'validation') return [this.validations.validated(record)];
    if (record.type === 'nonFinite') return [this.gradients.nonFinite(record.step)];
    if (record.type !== 'step') return [];
    this.validations.trained(record);
    return [this.learning.trained(record), ...this.gradients.trained(record), ...this.speed.trained(record)];
  }

  private untold(found: readonly (HealthNotice | null)[]): HealthNotice[] {
    return found.filter((notice): notice is HealthNotice => {
      if (notice === null || this.told.has(notice.kind)) return false;
      this.told.add(notice.kind);
      return true;
    });
  }
}
