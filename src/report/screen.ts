/** Lines on the terminal, with one live line below them that is redrawn in place where the terminal can. */

const redrawInterval = 100;
/** Between two progress lines where nothing can be redrawn, such as in a file. */
const lineInterval = 5000;

export class Screen {
  private live = '';
  private lastDraw = 0;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {}

  /** A line that stays. */
  print(text: string): void {
    this.clear();
    this.out.write(`${text}\n`);
    this.redraw();
  }

  /** A line that stays, on standard error. */
  warn(text: string): void {
    this.clear();
    process.stderr.write(`${text}\n`);
    this.redraw();
  }

  /** Replaces the live line; where nothing can be redrawn it is printed now and then. */
  progress(text: string): void {
    const now = Date.now();
    this.live = text;
    if (now - this.lastDraw < (this.out.isTTY ? redrawInterval : lineInterval)) return;
    this.lastDraw = now;
    if (this.out.isTTY) this.redraw();
    else this.out.write(`${text}\n`);
  }

  /** Leaves no live line behind. */
  endProgress(): void {
    this.clear();
    this.live = '';
  }

  private clear(): void {
    if (this.out.isTTY && this.live !== '') this.out.write('\r\u001b[2K');
  }

  private redraw(): void {
    if (!this.out.isTTY || this.live === '') return;
    this.out.write(`\r\u001b[2K${this.live.slice(0, Math.max(1, this.out.columns - 1))}`);
  }
}
