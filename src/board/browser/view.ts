/** What the page shows at this moment, and how its curves are drawn. */
import type { RunData, Table } from '../board-data.js';

export type Axis = 'step' | 'time';

export interface View {
  axis: Axis;
  isLog: boolean;
  /** From 0 to 1. */
  smoothing: number;
  /** A stretch of the axis; null for all of it. */
  zoom: readonly [number, number] | null;
  /** Of all runs. */
  whole: readonly [number, number];
}

/** A run on the page. */
export interface ShownRun {
  data: RunData;
  /** Of its colour, from 0 on. */
  readonly colour: number;
  /** The steps within the zoom, in more detail than `data.steps` has them. */
  zoomed: Table | null;
}

export function stepsOf({ data, zoomed }: ShownRun): Table {
  return zoomed ?? data.steps;
}

/** The last value of a column that is not missing. */
export function lastOf(table: Table, column: string): number | null {
  return table.values[column]?.findLast((value) => value !== null) ?? null;
}

/** From the first step to the last of all runs. */
export function wholeOf(runs: readonly ShownRun[], axis: Axis): readonly [number, number] {
  const ends = runs.flatMap(({ data }) => {
    const first = data.steps.values[axis]?.[0];
    const last = [lastOf(data.steps, axis), lastOf(data.validations, axis)].filter((end) => end !== null);
    return typeof first === 'number' ? [first, ...last] : last;
  });
  return ends.length === 0 ? [0, 1] : [Math.min(...ends), Math.max(...ends)];
}

/** The steps that were there and those that have come. */
export function joined(before: Table, come: Table): Table {
  const length = before.length + come.length;
  const join = (key: 'values' | 'means', fall: Table['values'] | null) => {
    const names = new Set([...Object.keys(before[key]), ...Object.keys(come[key])]);
    return Object.fromEntries(
      [...names].map((name) => [
        name,
        [
          ...(before[key][name] ?? fall?.[name] ?? missing(before.length)),
          ...(come[key][name] ?? (fall === null ? missing(come.length) : (come.values[name] ?? missing(come.length)))),
        ],
      ]),
    );
  };
  return { length, values: join('values', null), means: join('means', before.values) };
}

function missing(length: number): null[] {
  return new Array(length).fill(null);
}
