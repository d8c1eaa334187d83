/**
 * The last lines of a terminal, redrawn in place.
 *
 * The cursor rests at the beginning of their first line. Terminals that break lines anew when they are resized keep it
 * there, so whatever has become of the lines, all of them are from the cursor on. Between draws nothing is blank: a line
 * is written over its older self and what is left of that is erased behind it. No line of the area wraps, whatever width
 * the terminal gives its characters, and however narrow it has become a moment ago.
 */
import {
  cursorDown,
  cursorHide,
  cursorShow,
  cursorUp,
  eraseDown,
  eraseEndLine,
  synchronizedOutput,
} from 'ansi-escapes';
import { onExit } from 'signal-exit';

const withoutWrapping = (text: string) => `\u001b[?7l${text}\u001b[?7h`;

export class LiveArea {
  private drawn: readonly string[] = [];
  /** The terminal may have broken the lines anew. */
  private isStale = false;

  constructor(private readonly out: NodeJS.WriteStream) {}

  /**
   * @param lines rendered, none wider than the terminal
   * @param above lines that stay, to be written in front of them
   */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    if (above.length === 0 && !this.isStale && isSame(lines, this.drawn)) return;
    if (this.drawn.length === 0) this.begin();
    // A terminal may remember how long a line once was that is written over, and break it there when it is resized.
    const old = this.isStale || above.length > 0 ? eraseDown : '';
    const stay = above.map((line) => `${line}\n`).join('');
    const live = lines.map((line) => line + eraseEndLine).join('\n');
    this.drawn = lines;
    this.isStale = false;
    this.out.write(synchronizedOutput(`\r${old}${stay}${withoutWrapping(live)}${eraseDown}${up(lines.length - 1)}\r`));
  }

  /** The next draw takes away whatever a resized terminal has made of the lines. */
  resized(): void {
    this.isStale = true;
  }

  /** Leaves no line behind. */
  erase(): void {
    if (this.drawn.length > 0) this.end(`\r${eraseDown}`);
  }

  /** Leaves the lines as they are, and the cursor below them. */
  leave(): void {
    if (this.drawn.length > 0) this.end(`${down(this.drawn.length - 1)}\n`);
  }

  private begin(): void {
    shown.add(this);
    watchForTheEnd();
    this.out.write(cursorHide);
  }

  private end(text: string): void {
    this.drawn = [];
    shown.delete(this);
    this.out.write(text + cursorShow);
  }
}

/** All that are on the terminal at this moment, which is one for the whole process. */
const shown = new Set<LiveArea>();
let isWatching = false;

/** However the process ends, or is suspended from the keyboard, the terminal gets its cursor back below the lines. */
function watchForTheEnd(): void {
  if (isWatching) return;
  isWatching = true;
  const leaveAll = () => {
    for (const area of shown) area.leave();
  };
  onExit(leaveAll);
  if (process.platform === 'win32') return;
  process.on('SIGTSTP', () => {
    leaveAll();
    process.kill(process.pid, 'SIGSTOP');
  });
}

/** For whoever is about to write the last words of the process. */
export function eraseLiveAreas(): void {
  for (const area of shown) area.erase();
}

/** Zero would be one. */
function up(lines: number): string {
  return lines > 0 ? cursorUp(lines) : '';
}

function down(lines: number): string {
  return lines > 0 ? cursorDown(lines) : '';
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i]);
}
