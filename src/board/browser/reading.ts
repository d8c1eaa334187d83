/** Curves in words: what they are at a place, and from end to end. */
import type { Curve } from './curves.js';
import type { Metric } from './metrics.js';
import { duration, shortNumber } from './numbers.js';
import type { Axis } from './view.js';

/** @param isShort as at a tick */
export function placeText(axis: Axis, place: number, isShort: boolean): string {
  if (axis === 'time') return place === 0 ? '0' : duration(place);
  return isShort ? shortNumber(place) : `step ${Math.round(place).toLocaleString('en')}`;
}

export function stretchOf(curve: Curve, [from, to]: readonly [number, number]): Curve {
  const begin = curve.x.findIndex((place) => place >= from);
  const last = curve.x.findLastIndex((place) => place <= to);
  const [x, y, told] = [curve.x, curve.y, curve.told ?? curve.y].map((some) =>
    begin < 0 ? [] : some.slice(begin, last + 1),
  );
  return { ...curve, x: x as number[], y: y!, told: told! };
}

/** The value of the point that is nearest; of the last one where there is no place. */
export function valueAt({ x, y, told = y }: Curve, at: number | null): number | null | undefined {
  if (at === null) return told.findLast((value) => value !== null);
  let low = 0;
  for (let high = x.length - 1; low < high; ) {
    const middle = (low + high) >>> 1;
    if (x[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - x[low - 1]! < x[low]! - at ? told[low - 1] : told[low];
}

/** A curve for those who do not see it. */
export function sentenceOf({ label, x, y, told = y }: Curve, axis: Axis, format: Metric['format']): string {
  let least = -1;
  let most = -1;
  let last = -1;
  told.forEach((value, i) => {
    if (value === null) return;
    if (least < 0 || value < told[least]!) least = i;
    if (most < 0 || value > told[most]!) most = i;
    last = i;
  });
  if (last < 0) return `${label}: no values.`;
  const at = (i: number) => `${format(told[i])} at ${placeText(axis, x[i]!, false)}`;
  if (least === most) return `${label}: ${at(last)}.`;
  return `${label}: lowest ${at(least)}, highest ${at(most)}, last ${format(told[last])}.`;
}

/** Of `length` places, the first, the last, and some between. */
export function evenly(length: number, most: number): number[] {
  if (length <= most) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (length - 1)) / (most - 1)));
}
