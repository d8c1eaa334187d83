/** How curves and axes look to uPlot. */
import type uPlot from 'uplot';
import type { Curve } from './curves.js';
import { placeText } from './reading.js';
import type { Axis } from './view.js';

/** Seconds between two ticks. */
const minute = 60;
const hour = 60 * minute;
const roundTimes = [
  ...[0.001, 0.01, 0.1, 1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 3, 6, 12, 24, 48, 120, 240].map((hours) => hours * hour),
];

/** @param format of a value */
export function axesOf(axis: Axis, format: (value: number) => string, colours: CSSStyleDeclaration): uPlot.Axis[] {
  const style = {
    stroke: colours.getPropertyValue('--ink-soft'),
    grid: { stroke: colours.getPropertyValue('--grid'), width: 1 },
    ticks: { show: false },
  };
  const places: uPlot.Axis = {
    ...style,
    size: 32,
    space: 70,
    values: (_, ticks) => ticks.map((tick) => placeText(axis, tick, true)),
  };
  const values: uPlot.Axis = {
    ...style,
    size: 58,
    values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : format(tick))),
  };
  return [axis === 'time' ? { ...places, incrs: roundTimes } : places, values];
}

export function seriesOf({ label, kind, colour }: Curve, colours: CSSStyleDeclaration): uPlot.Series {
  const isArea = kind === 'area';
  const stroke = colours.getPropertyValue(isArea ? `--phase-${colour}` : `--run-${colour}`);
  if (isArea)
    return {
      label,
      stroke,
      width: 1,
      spanGaps: true,
      points: { show: false },
      ...(colour === 0 ? { fill: stroke } : {}),
    };
  if (kind === 'raw') return { label, stroke: `${stroke.trim()}50`, width: 1, points: { show: false } };
  if (kind === 'marks') return { label, stroke, width: 2, dash: [6, 4], points: { show: true, size: 6, fill: stroke } };
  return { label, stroke, width: 1.75, points: { show: false } };
}

/** Each share is filled down to the one below. */
export function bandsOf(curves: readonly Curve[], colours: CSSStyleDeclaration): uPlot.Band[] {
  return curves.flatMap(({ kind }, i): uPlot.Band[] =>
    kind === 'area' && i > 0 ? [{ series: [i + 1, i], fill: colours.getPropertyValue(`--phase-${i}`) }] : [],
  );
}
