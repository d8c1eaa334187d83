import { describe, expect, it } from 'vitest';
import { columnsOf, cut, rendered, styled, wrapped } from '../../src/report/text.js';

const caption = { label: '  image 67  true       ', text: 'a black and white dog jumping into a pool' };

describe('A labelled line that is too long for the terminal', () => {
  it('breaks between words, and goes on below where its text begins', () => {
    expect(wrapped(caption, 44, false)).toEqual([
      '  image 67  true       a black and white dog',
      '                       jumping into a pool',
    ]);
    expect(wrapped(caption, 80, false)).toEqual([`${caption.label}${caption.text}`]);
    expect(wrapped(caption, Number.POSITIVE_INFINITY, false)).toEqual([`${caption.label}${caption.text}`]);
  });

  it('goes on below its label where that leaves no room', () => {
    expect(wrapped(caption, 30, false)).toEqual([
      '  image 67  true',
      '  a black and white dog',
      '  jumping into a pool',
    ]);
  });

  it('breaks where the columns of wide characters end', () => {
    expect(wrapped({ label: 'data      ', text: '一只黑白相间的狗跳进游泳池' }, 24, false)).toEqual([
      'data      一只黑白相间的',
      '          狗跳进游泳池',
    ]);
  });

  it('keeps its styles over the break', () => {
    const line = { label: 'val  ', text: ['loss 3.1 ', styled('best', '(the best so far)')] };
    expect(wrapped(line, 24, true)).toEqual([
      '\u001b[2mval  \u001b[22mloss 3.1 \u001b[32m(the best\u001b[39m',
      '     \u001b[32mso far)\u001b[39m',
    ]);
  });
});

describe('Columns', () => {
  it.each([
    ['hündchen', 8],
    ['狗在跑', 6],
    ['👩‍🚒🇩🇪', 4],
    ['e\u0301', 1],
    ['━━╸──▁▅█', 8],
    // As it is shown.
    ['\u001b[1m', 9],
  ])('of %j are %i', (text, columns) => {
    expect(columnsOf([text])).toBe(columns);
  });

  it('are never exceeded by what is cut', () => {
    const line = ['run 3 of 6  ', styled('label', '狗在跑 在'), ' and on'];
    for (let columns = 0; columns < 30; columns++) {
      expect(columnsOf(cut(line, columns, '…'))).toBeLessThanOrEqual(columns);
    }
    expect(rendered(cut(line, 16, '…'), false)).toBe('run 3 of 6  狗…');
  });
});
