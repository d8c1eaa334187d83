/** A program in a real terminal, of which the screen can be read and the size changed: tmux. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

/** What is to be seen at a moment. */
export interface Seen {
  /** Without the blanks at their ends. */
  readonly rows: readonly string[];
  /** The row of the cursor, shown or not. */
  readonly cursorRow: number;
  readonly cursorIsShown: boolean;
}

export class Terminal {
  private readonly server = `recap-${randomUUID()}`;

  /** @param command for the shell */
  constructor(command: string, columns: number, rows = 24) {
    const size = ['-x', String(columns), '-y', String(rows)];
    // Without variables that ask for plain lines. The shell outlives the program, so that what is left can be looked at.
    const shell = `env -u NO_COLOR -u CI sh -c 'trap : INT; ${command}; echo "status $?"; exec cat'`;
    // UTF-8 whatever the locale, and nobody's settings.
    this.tmux('-u', '-f', '/dev/null', 'new-session', '-d', ...size, shell);
  }

  look(): Seen {
    const [cursor, ...rows] = this.tmux(
      'display-message',
      '-p',
      '#{cursor_flag} #{cursor_y}',
      ';',
      'capture-pane',
      '-p',
    )
      .replace(/\n+$/, '')
      .split('\n');
    const [flag, row] = cursor!.split(' ');
    return { rows, cursorRow: Number(row), cursorIsShown: flag === '1' };
  }

  /** With what has scrolled out of it, lines that wrapped joined again. */
  everything(): string {
    return this.tmux('capture-pane', '-p', '-J', '-S', '-');
  }

  resize(columns: number, rows = 24): void {
    this.tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  press(...keys: string[]): void {
    this.tmux('send-keys', ...keys);
  }

  /** Until the screen is as it should be; what it shows otherwise is in the error. */
  async until(condition: (seen: Seen) => boolean, seconds = 200): Promise<Seen> {
    const end = performance.now() + 1000 * seconds;
    for (;;) {
      const seen = this.look();
      if (condition(seen)) return seen;
      if (performance.now() > end) throw new Error(`The terminal shows\n${seen.rows.join('\n')}`);
      await setTimeout(50);
    }
  }

  close(): void {
    spawnSync('tmux', ['-L', this.server, 'kill-server']);
  }

  private tmux(...words: string[]): string {
    const { status, stdout, stderr } = spawnSync('tmux', ['-L', this.server, ...words], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tmux ${words.join(' ')}: ${stderr}`);
    return stdout;
  }
}
