/** A run under way, in one to four lines as the terminal has room for them. */

import { bytesWords, count, duration, percent, plural } from '../amounts.js';
import type { TrainingStep } from '../training/loop/training-steps.js';
import { bar, sparkline } from './bar.js';
import type { RunningFigures } from './running-figures.js';
import { columnsOf, type Line, padded, styled } from './text.js';
import type { View } from './view.js';

export interface RunUnderWay {
  /** Which of several runs it is. */
  readonly title?: string | undefined;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly workers: number;
}

/** Columns between two figures, and where there are few. */
const gap = 3;
const narrowGap = 2;
const curve = { least: 7, most: 24 };
const leastBar = 6;
/** Columns that the bar takes though the figures below it are narrower. */
const leastWidth = 39;
/** Milliseconds for which the memory of a moment ago will do. */
const memoryInterval = 1000;

export class TrainingView implements View {
  private validation: { readonly what: string; readonly done: number; readonly of: number } | null = null;
  private memory = { bytes: 0, at: Number.NEGATIVE_INFINITY };
  /** The most columns that each figure has had, so that nothing moves when one has a digit less. */
  private readonly widest = new Map<string, number>();

  constructor(
    private readonly run: RunUnderWay,
    private readonly figures: RunningFigures,
  ) {}

  /** Within a validation, how far it has come; null after it. */
  validating(validation: { what: string; done: number; of: number } | null): void {
    this.validation = validation;
  }

  isDue(): boolean {
    return this.figures.last !== null || this.validation !== null;
  }

  plain(): string {
    if (this.validation) {
      const { what, done, of } = this.validation;
      return `validation: ${count(done)} of ${count(of)} ${what}`;
    }
    const { figures } = this;
    const { last } = figures;
    const { title } = this.run;
    if (last === null) return 'starting';
    return (
      `${title === undefined ? '' : `${title}  `}epoch ${last.epoch}/${this.run.epochs}  step ${count(last.step)}/${count(figures.lastStep)}  ${aim(last)}  ` +
      `${count(Math.round(figures.captionsPerSecond))} captions/s  ${this.timeLeft()}`
    );
  }

  lines(columns: number, rows: number): readonly Line[] {
    const { title } = this.run;
    if (title === undefined || rows < 3) return this.figureLines(columns, rows);
    return [[title], ...this.figureLines(columns, rows - 1)];
  }

  private figureLines(columns: number, rows: number): readonly Line[] {
    for (const layout of this.layouts()) {
      const least = Math.max(...aligned(layout(this.loss(curve.least))).map(columnsOf));
      const table = layout(this.loss(Math.min(curve.most, curve.least + columns - least)));
      if (least > columns || table.rows.length >= rows) continue;
      const lines = aligned(table);
      const width = Math.max(...lines.map(columnsOf), Math.min(columns, leastWidth));
      return [this.barLine(table, width), ...lines];
    }
    return this.flowed(columns, rows);
  }

  /** Tables of what stands below the bar, from the widest to the narrowest. */
  private layouts(): ((loss: Line) => Table)[] {
    const [step, speed, left] = [this.step(), this.speed(), [this.timeLeft()]];
    const learningRate = this.figures.last?.learningRate.toPrecision(3);
    const [rate, lr] = [figure('learning rate', learningRate), figure('lr', learningRate)];
    const bytes = bytesWords(this.residentBytes());
    const [memory, workers] = [figure('memory', bytes), plural(this.run.workers, 'worker')];
    const process: Line = [bytes, ' '.repeat(narrowGap), workers];
    const second = [speed, memory, [workers]];
    const first = Math.max(...[this.epoch(), step, speed].map(columnsOf));
    const wide = (...rows: Line[][]): Table => ({ first, between: gap, rows });
    const narrow = (...rows: Line[][]): Table => ({ first, between: narrowGap, rows, hasTimeLeft: rows.length > 1 });
    return [
      (loss) => wide([step, loss, rate, ...second]),
      (loss) => wide([step, loss, rate], second),
      (loss) => wide([step, loss, lr], second),
      (loss) => narrow([step, loss], [speed, left], [lr, process]),
      (loss) => ({ ...narrow([step], [loss], [joined([speed, left], narrowGap)]), first: columnsOf(this.epoch()) }),
      (loss) => narrow([step, loss], [speed, left]),
      (loss) => narrow([step, loss]),
    ];
  }

  /** The bar and how much of it is done; behind it, where there is room, the time left or what a validation counts. */
  private barLine({ first, between, hasTimeLeft }: Table, columns: number): Line {
    const { validation, figures } = this;
    const start = padded(validation ? ['validation'] : this.epoch(), first + between);
    const share = validation ? validation.done / Math.max(1, validation.of) : figures.share;
    const end = [percent(share).padStart(4)];
    if (validation) end.push(`${count(validation.done)}/${count(validation.of)} ${validation.what}`);
    else if (!hasTimeLeft) end.push(this.timeLeft());
    const room = () => columns - columnsOf(start) - end.reduce((sum, part) => sum + narrowGap + part.length, 0);
    if (room() < leastBar) end.splice(1);
    return [...start, ...bar(share, Math.max(0, room())), ...end.map((part) => ' '.repeat(narrowGap) + part)];
  }

  /** Where there is no room for a bar: line after line as many figures as go into it, the dearest first. */
  private flowed(columns: number, rows: number): readonly Line[] {
    const share: Line = [percent(this.figures.share)];
    const first: Line = this.validation ? ['validation'] : this.epoch();
    const lines: Line[] = [];
    for (const part of [first, share, this.aim(), this.step(), [this.timeLeft()], this.speed()]) {
      const longer = joined([...lines.slice(-1), part], narrowGap);
      if (lines.length === 0 || columnsOf(longer) <= columns) lines.splice(-1, 1, longer);
      else if (lines.length < rows) lines.push(part);
      else break;
    }
    return lines;
  }

  private epoch(): Line {
    const { epochs, stepsPerEpoch } = this.run;
    const { last, step } = this.figures;
    const epoch = last?.epoch ?? Math.min(epochs, Math.floor(step / stepsPerEpoch) + 1);
    return figure('epoch', `${this.steady('epoch', count(epoch))}/${count(epochs)}`);
  }

  private step(): Line {
    const { step, lastStep } = this.figures;
    return figure('step ', `${count(step).padStart(count(lastStep).length)}/${count(lastStep)}`);
  }

  private aim(): Line {
    const { last, smoothedAim } = this.figures;
    const value = Number.isNaN(smoothedAim) ? '–' : smoothedAim.toFixed(4);
    return figure(last?.rewards ? 'reward' : 'loss', this.steady('aim', value));
  }

  /** With its curve in so many columns. */
  private loss(length: number): Line {
    return [...this.aim(), ' ', styled('done', sparkline(this.figures.curve, length).padEnd(length))];
  }

  private speed(): Line {
    const { captionsPerSecond } = this.figures;
    const value = Number.isNaN(captionsPerSecond) ? '–' : count(Math.round(captionsPerSecond));
    return [`${this.steady('speed', value)} captions/s`];
  }

  private timeLeft(): string {
    const { millisecondsLeft } = this.figures;
    return millisecondsLeft === null ? 'starting' : `${duration(millisecondsLeft)} left`;
  }

  private residentBytes(): number {
    const now = performance.now();
    if (now - this.memory.at > memoryInterval) this.memory = { bytes: process.memoryUsage.rss(), at: now };
    return this.memory.bytes;
  }

  private steady(name: string, value: string): string {
    const width = Math.max(this.widest.get(name) ?? 0, value.length);
    this.widest.set(name, width);
    return value.padStart(width);
  }
}

/** What a step lowers or raises; the loss of sampled captions times their advantages says nothing. */
export function aim({ loss, rewards }: TrainingStep): string {
  if (rewards === null) return `loss ${loss.toFixed(4)}`;
  return `reward ${rewards.samples.toFixed(4)} (baseline ${rewards.baseline.toFixed(4)})`;
}

function figure(label: string, value = '–'): Line {
  return [styled('label', `${label} `), value];
}

/** Figures that stand one below the other. */
interface Table {
  /** Columns of the first of them, which the line of the bar has too. */
  readonly first: number;
  /** Columns between two figures. */
  readonly between: number;
  readonly rows: readonly (readonly Line[])[];
  /** So that the line of the bar need not say it. */
  readonly hasTimeLeft?: boolean;
}

function aligned({ first, between, rows }: Table): Line[] {
  const widths = rows[0]!.map((_, column) =>
    Math.max(column === 0 ? first : 0, ...rows.map((row) => columnsOf(row[column] ?? []))),
  );
  return rows.map((row) => {
    const cells = row.map((cell, column) => (column < row.length - 1 ? padded(cell, widths[column]!) : cell));
    return joined(cells, between);
  });
}

function joined(lines: readonly Line[], between: number): Line {
  return lines.flatMap((line, i) => (i === 0 ? line : [' '.repeat(between), ...line]));
}
