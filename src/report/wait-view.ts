/** A wait as a bar, as far as it is known how long it is. */
import { count, duration, percent } from '../amounts.js';
import { bar, ellipsis } from './bar.js';
import { columnsOf, cut, type Line } from './text.js';
import { timeLeft } from './time-left.js';
import type { View } from './view.js';

export interface Wait {
  /** What is being done. */
  readonly what: string;
  /** Tells one wait from the next where `what` changes on the way. */
  readonly name?: string;
  /** How much of it is done, of how much; not known where they are left out. */
  readonly done?: number | undefined;
  readonly of?: number | undefined;
  /** What is counted, where that is worth more words than the share that is done. */
  readonly unit?: string;
  /** The plain line, where it is another than "what: done of of unit". */
  readonly plain?: string;
}

/** Milliseconds after which it is worth saying how long it takes. */
const shortWait = 1000;
const leastBar = 6;
const mostBar = 40;

export class WaitView implements View {
  private readonly start = performance.now();
  private readonly before: number;
  private updatedAt = this.start;

  constructor(private wait: Wait) {
    this.before = wait.done ?? 0;
  }

  isOf({ name, what }: Wait): boolean {
    return (name ?? what) === (this.wait.name ?? this.wait.what);
  }

  update(wait: Wait): void {
    this.wait = wait;
    this.updatedAt = performance.now();
  }

  /** What is over in a moment is worth no line. */
  isDue(): boolean {
    return performance.now() - this.start > shortWait;
  }

  plain(): string {
    const { what, done, of, unit, plain } = this.wait;
    if (plain !== undefined) return plain;
    if (done === undefined || of === undefined) return what;
    return `${what}: ${unit === undefined ? percent(done / of) : `${count(done)} of ${count(of)} ${unit}`}`;
  }

  lines(columns: number): readonly Line[] {
    const { done, of, unit } = this.wait;
    const elapsed = performance.now() - this.start;
    if (done === undefined || of === undefined || of === 0) {
      return [[this.wait.what, elapsed > shortWait ? `  ${duration(elapsed)}` : '']];
    }
    const share = done / of;
    const what = cut([this.wait.what], Math.max(12, Math.floor(columns / 2)), ellipsis);
    const whole = percent(share).padStart(4);
    const left = done > this.before && elapsed > shortWait ? this.millisecondsLeft(done, of) : null;
    const parts = [whole];
    if (unit !== undefined) parts.push(`${count(done).padStart(count(of).length)}/${count(of)} ${unit}`);
    if (left !== null) parts.push(`${duration(left)} left`);
    const fixed = columnsOf(what) + 2;
    const withoutBar = () => fixed + parts.reduce((sum, part) => sum + 2 + columnsOf([part]), 0);
    while (parts.length > 1 && withoutBar() + leastBar > columns) parts.pop();
    const room = Math.min(mostBar, columns - withoutBar());
    return [[...what, ...(room >= leastBar ? ['  ', ...bar(share, room)] : []), ...parts.map((part) => `  ${part}`)]];
  }

  private millisecondsLeft(done: number, of: number): number {
    return timeLeft({ from: this.start, to: this.updatedAt, done: done - this.before, left: of - done });
  }
}
