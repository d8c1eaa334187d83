import { EventEmitter } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/errors.js';
import { Screen } from '../../src/report/screen.js';
import type { View } from '../../src/report/view.js';

/** A file or pipe, or a terminal of so many columns, that keeps what is written. */
class Output extends EventEmitter {
  text = '';
  readonly isTTY: boolean;

  constructor(
    readonly columns?: number,
    readonly rows?: number,
  ) {
    super();
    this.isTTY = columns !== undefined;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  get stream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}

/** What a screen writes to a file or pipe. */
function written(use: (screen: Screen) => void): string {
  const out = new Output();
  use(new Screen({ out: out.stream }));
  return out.text;
}

function viewOf(text: string): View {
  return { lines: () => [[text], ['second']], plain: () => text };
}

const hostile = 'a\u001b]0;owned\u0007 dog\nruns\u009b31m \u202egnikrab';
const harmless = 'a\\u001b]0;owned\\u0007 dog\\u000aruns\\u009b31m \\u202egnikrab';

beforeEach(() => {
  for (const name of ['NO_COLOR', 'CI']) vi.stubEnv(name, undefined);
  vi.stubEnv('TERM', 'xterm');
});
afterEach(() => vi.unstubAllEnvs());

describe('A view', () => {
  it('is printed without escapes where nothing can be redrawn, at once and then now and then', () => {
    const lines = written((screen) => {
      screen.show(viewOf('step 1'));
      screen.show(viewOf('step 2'));
      screen.endLive();
    });
    expect(lines).toBe('step 1\n');
  });

  it.each([
    ['TERM', 'dumb'],
    ['NO_COLOR', '1'],
    ['CI', 'true'],
  ])('is not redrawn on a terminal where %s=%s', (name, value) => {
    vi.stubEnv(name, value);
    const out = new Output(80, 24);
    const screen = new Screen({ out: out.stream });
    screen.show(viewOf('step 1'));
    screen.print({ label: 'val  ', text: 'done' });
    screen.endLive();
    expect(out.text).toBe('step 1\nval  done\n');
  });

  it('stays below what is printed, with the cursor at its beginning, and leaves nothing behind', () => {
    const out = new Output(80, 24);
    const screen = new Screen({ out: out.stream });
    screen.show(viewOf('step 1'));
    out.text = '';
    screen.print('a line');
    // One write: erased to the end, the line, the view without wrapping, up to the beginning of the view.
    const view = '\u001b[?7lstep 1\u001b[K\nsecond\u001b[K\u001b[?7h';
    expect(out.text).toBe(`\u001b[?2026h\r\u001b[Ja line\n${view}\u001b[J\u001b[1A\r\u001b[?2026l`);
    out.text = '';
    screen.endLive();
    expect(out.text).toBe('\r\u001b[J\u001b[?25h');
  });

  it('is written again only where it has changed, or the terminal has', () => {
    const out = new Output(80, 24);
    const screen = new Screen({ out: out.stream });
    screen.show(viewOf('step 1'));
    out.text = '';
    screen.show(viewOf('step 1'));
    expect(out.text).toBe('');
    out.emit('resize');
    screen.show(viewOf('step 1'));
    expect(out.text).toContain('step 1');
    screen.endLive();
  });

  it('takes a third of a low terminal, and is cut to a narrow one', () => {
    const out = new Output(5, 4);
    const screen = new Screen({ out: out.stream });
    screen.show(viewOf('epoch 1/24'));
    expect(stripVTControlCharacters(out.text).trim()).toBe('epo…');
    screen.endLive();
  });
});

describe('A wait', () => {
  const wait = { what: 'loading the data', done: 30, of: 60, unit: 'files' };

  it('has a bar as wide as there is room for', () => {
    const barAt = (columns: number) => {
      const out = new Output(columns, 24);
      const screen = new Screen({ out: out.stream });
      screen.wait(wait);
      screen.endLive();
      return stripVTControlCharacters(out.text).trim();
    };
    expect(barAt(80)).toBe(`loading the data  ${'━'.repeat(20)}${'─'.repeat(20)}   50%  30/60 files`);
    expect(barAt(40)).toBe(`loading the data  ${'━'.repeat(7)}╸${'─'.repeat(7)}   50%`);
    expect(barAt(20)).toBe('loading the…   50%');
  });

  it('that is over in a moment is worth no line in a file', () => {
    expect(written((screen) => screen.wait(wait))).toBe('');
  });

  it('that lasts is a line in a file now and then', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const lines = written((screen) => {
      screen.wait(wait);
      vi.advanceTimersByTime(2000);
      screen.wait({ ...wait, done: 40 });
      screen.wait({ ...wait, done: 50 });
    });
    vi.useRealTimers();
    expect(lines).toBe('loading the data: 40 of 60 files\n');
  });
});

describe('A quiet screen', () => {
  it('shows results alone, and no view', () => {
    const out = new Output(80, 24);
    const screen = new Screen({ out: out.stream, quiet: true });
    screen.print('data      shapes');
    screen.show(viewOf('step 1'));
    screen.wait({ what: 'loading' });
    screen.result('Done.');
    screen.endLive();
    expect(out.text).toBe('Done.\n');
  });
});

describe('Words that a terminal would act on', () => {
  it('are printed as escapes, on one line', () => {
    expect(written((screen) => screen.print(hostile))).toBe(`${harmless}\n`);
    expect(written((screen) => screen.print({ label: 'image  ', text: hostile }))).toBe(`image  ${harmless}\n`);
    expect(written((screen) => screen.show(viewOf(hostile)))).toBe(`${harmless}\n`);
  });

  it('are escapes in a live view too', () => {
    const out = new Output(200, 24);
    const screen = new Screen({ out: out.stream });
    screen.wait({ what: hostile });
    screen.endLive();
    expect(out.text).toContain(harmless);
  });

  it('are escapes in an error message too, whose own lines stay', () => {
    expect(new UserError(hostile, 'and 2 more').message).toBe(`${harmless}\nand 2 more`);
  });

  it('are not the letters, accents and joined emoji of any language', () => {
    const words = 'Hündchen läuft, 狗在跑, كلب يركض, 👩‍🚒 à';
    expect(written((screen) => screen.print(words))).toBe(`${words}\n`);
  });
});
