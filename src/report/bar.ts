/** Bars and small curves of characters. */
import isUnicodeSupported from 'is-unicode-supported';
import { type Line, styled } from './text.js';

const hasUnicode = isUnicodeSupported();

export const ellipsis = hasUnicode ? '…' : '~';

const [whole, half, rest] = hasUnicode ? ['━', '╸', '─'] : ['#', '', '-'];

/** Of so many columns, filled as far as `share`, from 0 to 1. */
export function bar(share: number, columns: number): Line {
  const halves = Math.floor(Math.min(1, Math.max(0, share)) * columns * 2);
  const done = whole!.repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? half : '');
  return [styled('done', done), styled('rest', rest!.repeat(columns - done.length))];
}

const levels = [...'▁▂▃▄▅▆▇█'];

/** The last values as a curve, one a column, between the lowest and the highest of them; empty where there are no signs for it. */
export function sparkline(values: readonly number[], columns: number): string {
  if (!hasUnicode || columns < 1) return '';
  const shown = values.slice(-columns);
  const low = Math.min(...shown);
  const range = Math.max(...shown) - low;
  return shown
    .map(
      (value) =>
        levels[range > 0 ? Math.min(levels.length - 1, Math.floor(((value - low) / range) * levels.length)) : 0],
    )
    .join('');
}
