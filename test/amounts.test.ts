import { describe, expect, it } from 'vitest';
import { ageWords, bytesWords } from '../src/amounts.js';
import { tableLines } from '../src/report/text-table.js';

describe('amounts', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 KB'],
    [9995, '10.0 KB'],
    [99_950, '100 KB'],
    [999_499, '999 KB'],
    [999_500, '1.00 MB'],
    [97_904_448, '97.9 MB'],
    [5e15, '5000 TB'],
  ])('of %d bytes are %j', (bytes, words) => {
    expect(bytesWords(bytes)).toBe(words);
  });

  it.each([
    [-5000, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [86_399_999, '23 h'],
    [86_400_000, '1 d'],
  ])('of %d ms are %j', (milliseconds, words) => {
    expect(ageWords(milliseconds)).toBe(words);
  });
});

describe('a table', () => {
  it('has columns below each other, wide and combined characters and escapes counted as they are shown', () => {
    const rows = [
      ['run', 'step'],
      ['画像', '1'],
      ['e\u0301te\u0301', '12,000'],
      ['\u001b[2J', '3'],
    ];
    expect(tableLines(rows, [1])).toEqual([
      'run          step',
      '画像            1',
      'e\u0301te\u0301        12,000',
      '\\u001b[2J       3',
    ]);
    expect(tableLines([])).toEqual([]);
  });
});
