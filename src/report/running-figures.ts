/** What is shown of steps while they go by: a few additions each. */
import type { TrainingStep } from '../training/loop/training-steps.js';
import { timeLeft } from './time-left.js';

/** What of a smoothed figure each step leaves as it was. */
const kept = { speed: 0.95, aim: 0.98 };
/** Points of the curve; it is thinned out to half of them when it is full. */
const mostPoints = 64;

/** An exponential mean that does not lean towards its beginning (as Adam's moments are corrected). */
class Smoothed {
  private sum = 0;
  private weight = 0;

  constructor(private readonly kept: number) {}

  add(value: number): void {
    this.sum = this.kept * this.sum + (1 - this.kept) * value;
    this.weight = this.kept * this.weight + (1 - this.kept);
  }

  get value(): number {
    return this.sum / this.weight;
  }
}

export class RunningFigures {
  last: TrainingStep | null = null;
  private readonly speed = new Smoothed(kept.speed);
  private readonly aim = new Smoothed(kept.aim);
  private readonly startedAt = performance.now();
  private lastAt = this.startedAt;
  /** The smoothed aim, once in so many steps. */
  private points: number[] = [];
  private stepsOfPoint = 1;

  constructor(
    readonly firstStep: number,
    readonly lastStep: number,
  ) {}

  add(step: TrainingStep): void {
    this.last = step;
    this.lastAt = performance.now();
    // Milliseconds a caption, since a mean of speeds would count the quick steps too much.
    this.speed.add(step.timing.total / step.captions);
    const aim = step.rewards?.samples ?? step.loss;
    // A step that was left out has no loss.
    if (Number.isFinite(aim)) this.aim.add(aim);
    if ((step.step - this.firstStep) % this.stepsOfPoint === 0) this.addPoint();
  }

  get step(): number {
    return this.last?.step ?? this.firstStep;
  }

  /** Of all steps of the run, also those before it was gone on with. */
  get share(): number {
    return this.step / this.lastStep;
  }

  /** Smoothed; NaN before the first step. */
  get captionsPerSecond(): number {
    return 1000 / this.speed.value;
  }

  /** What the steps lower or raise, loss or reward, smoothed; NaN before the first step. */
  get smoothedAim(): number {
    return this.aim.value;
  }

  /** How it has gone, the oldest first. */
  get curve(): readonly number[] {
    return this.points;
  }

  /** At the pace until now, validations included; null before the first step. */
  get millisecondsLeft(): number | null {
    const done = this.step - this.firstStep;
    if (done === 0) return null;
    return timeLeft({ from: this.startedAt, to: this.lastAt, done, left: this.lastStep - this.step });
  }

  private addPoint(): void {
    if (!Number.isFinite(this.aim.value)) return;
    this.points.push(this.aim.value);
    if (this.points.length < mostPoints) return;
    this.points = this.points.filter((_, i) => i % 2 === 1);
    this.stepsOfPoint *= 2;
  }
}
