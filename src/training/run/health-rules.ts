/**
 * The rules of a run's health: numbers in, notices out. They know nothing but the records of metrics.jsonl. Each bound is
 * well beyond what runs that learn show; docs/reliability.md gives the reasons.
 */
import type { Config } from '../../config/schema.js';
import { isBetter, type ValidationMetric } from './patience.js';
import type { StepRecord, ValidationRecord } from './records.js';

export type HealthKind = 'diverging' | 'vanishing' | 'exploding' | 'overfitting' | 'waiting' | 'disk' | 'engine';

export interface HealthNotice {
  readonly kind: HealthKind;
  /** What is the matter, and what to do. */
  readonly message: string;
}

/** What the rules have to know of a run beside its records. */
export interface HealthSubject {
  readonly config: Pick<Config, 'train' | 'validate'>;
  readonly stepsPerEpoch: number;
  readonly workers: number;
  readonly shards: number;
  /** Which engine would be faster, and by how much, in words; null where none is known. */
  readonly fasterEngine: string | null;
}

/** A loss that is half as high again as its lowest has lost more than minibatches differ, and half of what was learnt. */
const divergedFactor = 1.5;
/** A mean reward that has fallen to half of its highest; below `leastReward` that is noise. */
const rewardFactor = 0.5;
const leastReward = 0.05;
/** Steps that are left out because they are not finite, of the last `faultSteps`; fewer may be odd captions. */
const mostFaults = 5;
const faultSteps = 100;
/** Norms of healthy gradients stay within a factor of 2 of their first ones, upwards. */
const explodedFactor = 10;
/** Of the parameters' norm: a step of plain gradient descent would not change the sixth digit, and Adam's epsilon rules. */
const vanishedShare = 1e-6;
/** Of the first loss: below it the captions are learnt by heart, and small gradients are as they should be. */
const learntShare = 0.1;
/** Validations in a row that are worse than the best by more than `turnedShare` of it, which one alone may be by chance. */
const turnedValidations = 3;
const turnedShare = 0.01;
/** Steps over which waiting is judged, its share of a step, and the least time that it has cost altogether. */
const waitingSteps = 100;
const waitingShare = 1 / 3;
/** Seconds of a run that are worth a word on its speed. */
const worthSeconds = 60;

const calmer =
  'Start a new run, from a checkpoint of before where one is good (model.init), with a lower ' +
  'train.optimizer.learningRate, with train.clip.norm, or with more train.schedule.warmup.';

/** Whether the loss falls, or where the model's own captions are trained on, whose loss says nothing, the reward rises. */
export class LearningRule {
  private readonly losses: Window;
  private readonly rewards: Window;
  private readonly firstLosses: number[] = [];
  private lowest = Number.POSITIVE_INFINITY;
  private highestReward = 0;
  private lastLoss = Number.NaN;

  constructor(
    steps: number,
    private readonly startSteps: number,
  ) {
    this.losses = new Window(steps);
    this.rewards = new Window(steps);
  }

  get hasLearntByHeart(): boolean {
    return this.lastLoss < learntShare * this.start;
  }

  trained({ loss, rewards }: StepRecord): HealthNotice | null {
    return rewards ? this.rewarded(rewards.samples) : this.lost(loss);
  }

  /** The loss before training changed anything; NaN before it is known. */
  private get start(): number {
    return this.firstLosses.length < this.startSteps ? Number.NaN : median(this.firstLosses);
  }

  private lost(loss: number): HealthNotice | null {
    if (!Number.isFinite(loss)) return null;
    if (this.firstLosses.length < this.startSteps) this.firstLosses.push(loss);
    const now = this.losses.add(loss);
    if (now === null) return null;
    const { start } = this;
    const lowest = Math.min(this.lowest, start);
    this.lowest = Math.min(lowest, now);
    this.lastLoss = now;
    if (!(now > divergedFactor * lowest && now > lowest + (start - lowest) / 2)) return null;
    const message = `The loss diverges: it was ${shown(lowest)} at its lowest and is ${shown(now)}. ${calmer}`;
    return { kind: 'diverging', message };
  }

  private rewarded(reward: number): HealthNotice | null {
    const now = this.rewards.add(reward);
    if (now === null) return null;
    const highest = this.highestReward;
    this.highestReward = Math.max(highest, now);
    if (highest < leastReward || now > rewardFactor * highest) return null;
    const message =
      `Training diverges: the mean reward was ${shown(highest)} at its highest and is ${shown(now)}. Start a ` +
      'new run from its best checkpoint (model.init), with a lower train.optimizer.learningRate or ' +
      'train.selfCritical.temperature.';
    return { kind: 'diverging', message };
  }
}

export class GradientRule {
  private readonly norms: Window;
  private readonly parameters: Window;
  private first: number | null = null;
  private faults: readonly number[] = [];

  constructor(
    steps: number,
    private readonly hasLearntByHeart: () => boolean,
  ) {
    this.norms = new Window(steps);
    this.parameters = new Window(steps);
  }

  trained({ gradientNorm, parameterNorm }: StepRecord): (HealthNotice | null)[] {
    if (typeof gradientNorm !== 'number' || typeof parameterNorm !== 'number') return [];
    const parameters = this.parameters.add(parameterNorm);
    const now = this.norms.add(gradientNorm);
    if (now === null || parameters === null) return [];
    this.first ??= now;
    return [this.exploded(now, this.first), this.vanished(now, parameters)];
  }

  /** A step that was left out. */
  nonFinite(step: number): HealthNotice | null {
    this.faults = [...this.faults, step].filter((each) => each > step - faultSteps);
    if (this.faults.length < mostFaults) return null;
    const message = `Gradients explode: ${mostFaults} of the last ${faultSteps} steps were not finite. ${calmer}`;
    return { kind: 'exploding', message };
  }

  private exploded(now: number, first: number): HealthNotice | null {
    // From nothing, as where all samples of self-critical training were alike, any norm would be many times more.
    if (first === 0 || now <= explodedFactor * first) return null;
    const message = `Gradients explode: their norm was ${shown(first)} at first and is ${shown(now)}. ${calmer}`;
    return { kind: 'exploding', message };
  }

  private vanished(now: number, parameters: number): HealthNotice | null {
    if (now >= vanishedShare * parameters || this.hasLearntByHeart()) return null;
    const message =
      `Gradients vanish: their norm is ${shown(now)}, where that of the parameters is ${shown(parameters)}, so nothing is ` +
      'learnt any more. Look at data.dir and model.init, and start again with a lower train.optimizer.learningRate; in ' +
      'self-critical training raise train.selfCritical.temperature, so that samples differ.';
    return { kind: 'vanishing', message };
  }
}

/** Whether validation becomes worse while training goes on becoming better. */
export class ValidationRule {
  private best: { readonly value: number; readonly epoch: number; readonly trained: number } | null = null;
  private worse = 0;
  private sum = 0;
  private steps = 0;
  private isRewarded = false;

  constructor(private readonly metric: ValidationMetric) {}

  trained({ loss, rewards }: StepRecord): void {
    const aim = rewards ? rewards.samples : loss;
    if (!Number.isFinite(aim)) return;
    this.isRewarded = rewards !== undefined;
    this.sum += aim;
    this.steps++;
  }

  validated({ loss, scores, epoch }: ValidationRecord): HealthNotice | null {
    const trained = this.sum / this.steps;
    this.sum = 0;
    this.steps = 0;
    const { metric } = this;
    const value = metric === 'loss' ? loss : (scores?.[metric] ?? Number.NaN);
    // Rewards move a model away from people's wording, so that the loss of the true captions rises as it should.
    if (!Number.isFinite(value) || (this.isRewarded && metric === 'loss')) return null;
    if (isBetter(metric, value, this.best?.value ?? null)) {
      this.best = { value, epoch, trained };
      this.worse = 0;
      return null;
    }
    const { best } = this;
    if (best === null) return null;
    const margin = turnedShare * Math.abs(best.value);
    this.worse = isBetter(metric, best.value, value, margin) ? this.worse + 1 : 0;
    const goesOn = this.isRewarded
      ? trained > best.trained + turnedShare * Math.abs(best.trained)
      : trained < best.trained - turnedShare * Math.abs(best.trained);
    if (this.worse < turnedValidations || !goesOn) return null;
    const aim = this.isRewarded ? 'reward rose' : 'loss fell';
    const message =
      `Validation has turned: its ${metric} was ${shown(best.value)} after epoch ${best.epoch} and is ${shown(value)} after ` +
      `epoch ${epoch}, while the training ${aim} from ${shown(best.trained)} to ${shown(trained)}. The best checkpoint is ` +
      'kept. End such runs by train.earlyStopping; more data, model.dropout, train.weightDecay or a smaller model ' +
      'put it off.';
    return { kind: 'overfitting', message };
  }
}

/** Whether the time is well spent. */
export class SpeedRule {
  private trainedSeconds = 0;
  private waitedSeconds = 0;
  private steps = 0;
  private recent = { waited: 0, all: 0 };

  constructor(private readonly subject: HealthSubject) {}

  trained({ seconds }: StepRecord): (HealthNotice | null)[] {
    // A log of a version that did not measure them.
    if (!Number.isFinite(seconds?.compute)) return [];
    const { compute, wait, update } = seconds;
    const all = compute + wait + update;
    this.trainedSeconds += all;
    this.waitedSeconds += wait;
    this.recent = { waited: this.recent.waited + wait, all: this.recent.all + all };
    return [this.slow(), ++this.steps % waitingSteps === 0 ? this.waiting() : null];
  }

  private slow(): HealthNotice | null {
    const { fasterEngine } = this.subject;
    if (fasterEngine === null || this.trainedSeconds < worthSeconds) return null;
    return { kind: 'engine', message: `Another engine would be faster: ${fasterEngine} A new run can take it.` };
  }

  private waiting(): HealthNotice | null {
    const share = this.recent.waited / this.recent.all;
    this.recent = { waited: 0, all: 0 };
    if (share < waitingShare || this.waitedSeconds < worthSeconds) return null;
    const { workers, shards } = this.subject;
    const cause =
      shards > workers && shards % workers !== 0
        ? `${shards} shards do not divide among ${workers} workers. Go on with a train.workers that divides them.`
        : 'Shards are unequal or too small, or other programs use the processors. Lower train.workers to the processors ' +
          'that are free, or see what `recap bench --workers auto` finds.';
    return { kind: 'waiting', message: `Workers wait ${Math.round(100 * share)}% of the time: ${cause}` };
  }
}

/** The median of every so many numbers. */
class Window {
  private values: number[] = [];

  constructor(private readonly steps: number) {}

  /** @returns null until there are as many again */
  add(value: number): number | null {
    this.values.push(value);
    if (this.values.length < this.steps) return null;
    const middle = median(this.values);
    this.values = [];
    return middle;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
