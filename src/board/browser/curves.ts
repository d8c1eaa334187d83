/** The curves of a chart: columns of numbers over one axis, as uPlot takes them. */
import uPlot from 'uplot';
import type { Table } from '../board-data.js';
import { type Metric, phases, rewards } from './metrics.js';
import { smooth } from './smoothing.js';
import { type Axis, type ShownRun, stepsOf, type View } from './view.js';

export interface Curve {
  readonly label: string;
  /** Of the run. */
  readonly colour: number;
  readonly kind: 'raw' | 'line' | 'marks' | 'area';
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** What is said of it in words and numbers where that is not `y`, such as the values that were smoothed. */
  readonly told?: readonly (number | null)[];
}

/** At the slider's end a value counts half at this share of what is shown. */
const widest = 0.1;

export function curvesOf(
  { step, validation, isExact = false, isRewarded }: Metric,
  runs: readonly ShownRun[],
  view: View,
): Curve[] {
  const several = runs.length > 1;
  return runs.flatMap((run) => {
    const { data, colour } = run;
    const curves: Curve[] = [];
    const label = (what: string) => (several ? (what === '' ? data.name : `${data.name}, ${what}`) : what || 'value');
    const both = step !== null && validation !== null;
    const isOther = isRewarded !== undefined && isRewarded !== rewards in data.steps.values;
    if (step !== null && !isOther && stepsOf(run).values[step] !== undefined) {
      curves.push(
        ...stepCurves(stepsOf(run), step, isExact ? { ...view, smoothing: 0 } : view, {
          label: label(both ? 'training' : ''),
          colour,
        }),
      );
    }
    const y = validation === null ? undefined : data.validations.values[validation];
    if (y !== undefined) {
      const x = placesOf(data.validations, view.axis);
      curves.push({ label: label(both ? 'validation' : ''), colour, kind: 'marks', x, y: drawable(y, view) });
    }
    return curves;
  });
}

function stepCurves(table: Table, column: string, view: View, own: Pick<Curve, 'label' | 'colour'>): Curve[] {
  const x = placesOf(table, view.axis);
  const raw: Curve = { ...own, kind: 'raw', x, y: drawable(table.values[column]!, view) };
  if (view.smoothing === 0) return [{ ...raw, kind: 'line' }];
  const means = table.means[column] ?? table.values[column]!;
  const half = halfOf(x, view);
  return [raw, { ...own, kind: 'line', x, y: drawable(smooth(x, means, half), view), told: table.values[column]! }];
}

/** Shares of a step's time, each on top of those before. */
export function phaseCurves(run: ShownRun, view: View): Curve[] {
  const table = stepsOf(run);
  const x = placesOf(table, view.axis);
  const columns = phases.flatMap(({ column, title }) => {
    const means = table.means[column] ?? table.values[column];
    // Single steps vary too much to be told apart.
    return means === undefined ? [] : [{ title, y: smooth(x, means, Math.max(halfOf(x, view), span(x) / 200)) }];
  });
  const totals = x.map((_, i) => columns.reduce((sum, { y }) => sum + (y[i] ?? 0), 0));
  const below = new Float64Array(x.length);
  return columns.map(({ title, y }, phase) => {
    const told = y.map((value, i) => (totals[i]! > 0 ? (value ?? 0) / totals[i]! : null));
    const top = told.map((share, i) => (share === null ? null : below[i]! + share));
    for (const [i, edge] of top.entries()) below[i] = edge ?? below[i]!;
    return { label: title, colour: phase, kind: 'area', x, y: top, told };
  });
}

/** One axis for all: where a curve has no point there, it has none (undefined), and is drawn through. */
export function alignedData(curves: readonly Curve[]): uPlot.AlignedData {
  if (curves.length === 0) return [[]];
  const tables = curves.map(({ x, y }) => [x, y] as unknown as uPlot.AlignedData);
  return tables.length === 1 ? tables[0]! : uPlot.join(tables);
}

function placesOf(table: Table, axis: Axis): number[] {
  const found = table.values[axis] ?? [];
  // Where a record lacks its place it lies with the one before.
  let last = 0;
  return Array.from(found, (value) => {
    last = Math.max(last, value ?? last);
    return last;
  });
}

/** A logarithm has no place for what is not above 0. */
function drawable(y: readonly (number | null)[], { isLog }: View): readonly (number | null)[] {
  return isLog ? y.map((value) => (value !== null && value > 0 ? value : null)) : y;
}

function halfOf(x: readonly number[], { smoothing }: View): number {
  return smoothing ** 2 * widest * span(x);
}

function span(x: readonly number[]): number {
  return x.length === 0 ? 0 : x[x.length - 1]! - x[0]!;
}
