import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/errors.js';
import { Screen, wrapped } from '../../src/report/screen.js';

/** What a screen writes to a file or pipe. */
function written(use: (screen: Screen) => void): string {
  const out = new PassThrough();
  use(new Screen(out as unknown as NodeJS.WriteStream));
  return out.read()?.toString() ?? '';
}

const hostile = 'a\u001b]0;owned\u0007 dog\nruns\u009b31m \u202egnikrab';
const harmless = 'a\\u001b]0;owned\\u0007 dog\\u000aruns\\u009b31m \\u202egnikrab';

describe('A line that is too long for the terminal', () => {
  it('breaks between words, and goes on below where its text begins', () => {
    const text = '  image 67  true       a black and white dog jumping into a pool';
    expect(wrapped(text, 44)).toEqual([
      '  image 67  true       a black and white dog',
      '                       jumping into a pool',
    ]);
    expect(wrapped(text, 80)).toEqual([text]);
    expect(wrapped('run       /a/path/without/any/blank', 20)).toEqual(['run       /a/path/without/any/blank']);
  });
});

describe('Progress', () => {
  it('is printed without escapes where nothing can be redrawn, at once and then now and then', () => {
    const lines = written((screen) => {
      screen.progress('step 1');
      screen.progress('step 2');
      screen.endProgress();
    });
    expect(lines).toBe('step 1\n');
  });

  it('is not redrawn on a terminal that cannot', () => {
    vi.stubEnv('TERM', 'dumb');
    const out = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    const screen = new Screen(out as unknown as NodeJS.WriteStream);
    screen.progress('step 1');
    screen.print('done');
    vi.unstubAllEnvs();
    expect(out.read().toString()).toBe('step 1\ndone\n');
  });
});

describe('Words that a terminal would act on', () => {
  it('are printed as escapes, on one line', () => {
    expect(written((screen) => screen.print(hostile))).toBe(`${harmless}\n`);
    expect(written((screen) => screen.progress(hostile))).toBe(`${harmless}\n`);
  });

  it('are escapes in an error message too, whose own lines stay', () => {
    expect(new UserError(hostile, 'and 2 more').message).toBe(`${harmless}\nand 2 more`);
  });

  it('are not the letters, accents and joined emoji of any language', () => {
    const words = 'Hündchen läuft, 狗在跑, كلب يركض, 👩‍🚒 à';
    expect(written((screen) => screen.print(words))).toBe(`${words}\n`);
  });
});
