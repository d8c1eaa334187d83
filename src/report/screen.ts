/**
 * What a command shows: lines that stay, and below them, where the terminal can redraw, a live view. Whatever words a
 * line holds, it moves no cursor.
 */
import { launchOf } from '../mpi/launch.js';
import { ellipsis } from './bar.js';
import { LiveArea } from './live-area.js';
import { cut, type Labelled, rendered, wrapped } from './text.js';
import type { View } from './view.js';
import { type Wait, WaitView } from './wait-view.js';

export interface ScreenOptions {
  /** Where results and lines that stay are written: standard output. */
  readonly out?: NodeJS.WriteStream;
  /** Where the live view is, if it is not there too: standard error, for commands whose output is for programs. */
  readonly live?: NodeJS.WriteStream;
  /** Shows warnings and results alone. */
  readonly quiet?: boolean;
}

/** Milliseconds between two draws. */
const drawInterval = 100;
/** After which times and speeds are drawn anew though nothing has happened. */
const tickInterval = 1000;
/** Between two plain lines. */
const lineInterval = 5000;
/** The share of a terminal's rows that the live view may take, and the most. */
const rowShare = 3;
const mostRows = 4;

export class Screen {
  private readonly out: NodeJS.WriteStream;
  private readonly live: NodeJS.WriteStream;
  readonly isQuiet: boolean;
  /** Null where nothing can be redrawn. */
  private readonly area: LiveArea | null;
  private view: View | null = null;
  /** By a clock that is never set back. */
  private lastDraw = Number.NEGATIVE_INFINITY;
  private due: NodeJS.Timeout | null = null;
  private tick: NodeJS.Timeout | null = null;

  constructor({ out = process.stdout, live = out, quiet = false }: ScreenOptions = {}) {
    this.out = out;
    this.live = live;
    this.isQuiet = quiet;
    this.area = !quiet && canRedraw(live) ? new LiveArea(live) : null;
  }

  /** A line that stays. One with a label is broken between words where the terminal is too narrow for it. */
  print(line: string | Labelled): void {
    if (!this.isQuiet) this.result(line);
  }

  /** A line that stays and is shown to the quiet too. */
  result(line: string | Labelled): void {
    const rows = rowsOf(line, this.out);
    if (this.area && this.view && this.out === this.live) this.area.draw(this.frame(this.view), rows);
    else this.beside(this.out, rows);
  }

  /** A line on standard error, for commands whose output is for programs. */
  note(line: string | Labelled): void {
    if (!this.isQuiet) this.beside(process.stderr, rowsOf(line, process.stderr));
  }

  warning(message: string): void {
    this.warn({ label: 'warning: ', text: message });
  }

  /** A line on standard error that is shown to the quiet too. */
  warn(line: string | Labelled): void {
    this.beside(process.stderr, rowsOf(line, process.stderr));
  }

  /** Shows how far something has come; what is of another name begins anew. */
  wait(wait: Wait): void {
    const same = this.view instanceof WaitView && this.view.isOf(wait) ? this.view : new WaitView(wait);
    same.update(wait);
    this.show(same);
  }

  /** Shows a view, again whenever it has changed. Where nothing can be redrawn it is printed now and then. */
  show(view: View): void {
    if (this.isQuiet) return;
    const isNew = view !== this.view;
    this.view = view;
    if (this.area) this.drawSoon(isNew);
    else this.printNowAndThen(view);
  }

  /** Leaves no live view behind. */
  endLive(): void {
    this.view = null;
    if (this.due) clearTimeout(this.due);
    if (this.tick) clearInterval(this.tick);
    this.due = this.tick = null;
    this.live.off('resize', this.onResize);
    this.area?.erase();
  }

  /** Writes rows to a stream that may be the same terminal. */
  private beside(stream: NodeJS.WriteStream, rows: readonly string[]): void {
    this.area?.erase();
    stream.write(rows.map((row) => `${row}\n`).join(''));
    if (this.view) this.area?.draw(this.frame(this.view));
  }

  private printNowAndThen(view: View): void {
    const now = performance.now();
    if (now - this.lastDraw < lineInterval || view.isDue?.() === false) return;
    this.lastDraw = now;
    this.live.write(`${rendered([view.plain()], false)}\n`);
  }

  /** @param now at once, since what begins may leave the thread no moment to draw */
  private drawSoon(now = false): void {
    if (!this.tick) {
      this.tick = setInterval(() => this.draw(), tickInterval).unref();
      this.live.on('resize', this.onResize);
    }
    const wait = drawInterval - (performance.now() - this.lastDraw);
    if (now || wait <= 0) this.draw();
    else this.due ??= setTimeout(() => this.draw(), wait).unref();
  }

  private draw(): void {
    if (this.due) clearTimeout(this.due);
    this.due = null;
    this.lastDraw = performance.now();
    if (this.view) this.area?.draw(this.frame(this.view));
  }

  private readonly onResize = () => {
    this.area?.resized();
    this.drawSoon();
  };

  private frame(view: View): string[] {
    // The last column stays free: some terminals go on to the next row as soon as it is written.
    const columns = Math.max(1, (this.live.columns || 80) - 1);
    const rows = Math.max(1, Math.min(mostRows, Math.floor((this.live.rows || 24) / rowShare)));
    return view
      .lines(columns, rows)
      .slice(0, rows)
      .map((line) => rendered(cut(line, columns, ellipsis), true));
  }
}

/** Plain lines are what a file, a log of a build machine and those who ask for no colour get. */
function canRedraw(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, CI, TERM } = process.env;
  return isTerminal(stream) && !NO_COLOR && (!CI || CI === 'false') && TERM !== 'dumb';
}

/** An MPI launcher hands its processes a terminal of its own, whose output it may write to a file. */
function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && launchOf() === null;
}

function rowsOf(line: string | Labelled, stream: NodeJS.WriteStream): string[] {
  if (typeof line === 'string') return [rendered([line], false)];
  return wrapped(line, isTerminal(stream) ? stream.columns || 80 : Number.POSITIVE_INFINITY, canRedraw(stream));
}
