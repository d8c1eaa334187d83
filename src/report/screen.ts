/**
 * Lines on the terminal, with one live line below them that is redrawn in place where the terminal can. Whatever words a
 * line holds, it moves no cursor.
 */
import { oneLine } from '../one-line.js';

/** What takes a live line, of whichever screen, away from a terminal. */
export const clearLine = '\r\u001b[2K';

const redrawInterval = 100;
/** Between two progress lines where nothing can be redrawn, such as in a file. */
const lineInterval = 5000;

export class Screen {
  private live = '';
  /** By a clock that is never set back. */
  private lastDraw = Number.NEGATIVE_INFINITY;
  private readonly canRedraw: boolean;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {
    this.canRedraw = out.isTTY === true && process.env.TERM !== 'dumb';
  }

  /** A line that stays. */
  print(text: string): void {
    this.clear();
    this.out.write(`${oneLine(text)}\n`);
    this.redraw();
  }

  /** A line that stays, broken between words where the terminal is too narrow for it. */
  printWrapped(text: string): void {
    const lines = this.out.isTTY ? wrapped(oneLine(text), this.out.columns) : [text];
    for (const line of lines) this.print(line);
  }

  /** A line that stays, on standard error. */
  warn(text: string): void {
    this.clear();
    process.stderr.write(`${oneLine(text)}\n`);
    this.redraw();
  }

  /** Replaces the live line; where nothing can be redrawn it is printed now and then. */
  progress(text: string): void {
    const now = performance.now();
    this.live = oneLine(text);
    if (now - this.lastDraw < (this.canRedraw ? redrawInterval : lineInterval)) return;
    this.lastDraw = now;
    if (this.canRedraw) this.redraw();
    else this.out.write(`${this.live}\n`);
  }

  /** Leaves no live line behind. */
  endProgress(): void {
    this.clear();
    this.live = '';
  }

  private clear(): void {
    if (this.canRedraw && this.live !== '') this.out.write(clearLine);
  }

  private redraw(): void {
    if (!this.canRedraw || this.live === '') return;
    this.out.write(`${clearLine}${this.live.slice(0, Math.max(1, this.out.columns - 1))}`);
  }
}

/** Labels in front of a line's text, each with two blanks or more behind it. */
const labels = /^.{0,28} {2,}(?=\S)/;

/** The lines that a text takes at so many columns, the later ones below where its text begins. */
export function wrapped(text: string, columns: number): string[] {
  const indent = ' '.repeat(labels.exec(text)?.[0].length ?? 0);
  const lines: string[] = [];
  let rest = text;
  while (rest.length > columns) {
    const at = rest.lastIndexOf(' ', columns);
    if (at <= indent.length) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = indent + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
