/** Down-sampling that keeps what stands out: the smallest and the largest value of every stretch of rows. */

/** Numbers by column, as many in each. NaN is a value that is missing. */
export type NumberColumns = ReadonlyMap<string, ArrayLike<number>>;

/** The columns that say where a row lies rise; of a stretch they keep the first and the last value. */
export const placeColumns: readonly string[] = ['step', 'time'];

export interface SampledRows {
  /** Rows that the columns have. */
  readonly length: number;
  /** As they are where the rows are few enough, else two rows a stretch: least and most, whichever comes first first. */
  readonly values: ReadonlyMap<string, Float64Array>;
  /** The mean of the stretch, twice. */
  readonly means: ReadonlyMap<string, Float64Array>;
}

/**
 * Rows `from` to `to` (exclusive) as `most` rows or fewer. A column's least and most of each stretch are among its values,
 * within the stretch: a place is wrong by less than the stretch is long.
 *
 * @param most an even number, 2 at least
 */
export function sampleRows(columns: NumberColumns, from: number, to: number, most: number): SampledRows {
  const rows = Math.max(0, to - from);
  const stretches = rows <= most ? null : most / 2;
  const length = stretches === null ? rows : 2 * stretches;
  const values = new Map<string, Float64Array>();
  const means = new Map<string, Float64Array>();
  for (const [name, column] of columns) {
    const own = new Float64Array(length);
    values.set(name, own);
    if (stretches === null) {
      for (let row = 0; row < rows; row++) own[row] = column[from + row]!;
    } else if (placeColumns.includes(name)) {
      for (let s = 0; s < stretches; s++) {
        own[2 * s] = column[from + beginOf(s, stretches, rows)]!;
        own[2 * s + 1] = column[from + beginOf(s + 1, stretches, rows) - 1]!;
      }
    } else {
      const mean = new Float64Array(length);
      for (let s = 0; s < stretches; s++) {
        sampleStretch(
          column,
          from + beginOf(s, stretches, rows),
          from + beginOf(s + 1, stretches, rows),
          2 * s,
          own,
          mean,
        );
      }
      means.set(name, mean);
    }
  }
  return { length, values, means };
}

/** The first row of a stretch, so that all are as long, give or take one row. */
function beginOf(stretch: number, stretches: number, rows: number): number {
  return Math.floor((stretch * rows) / stretches);
}

function sampleStretch(
  column: ArrayLike<number>,
  begin: number,
  end: number,
  at: number,
  values: Float64Array,
  means: Float64Array,
): void {
  let least = begin;
  let most = begin;
  let sum = 0;
  let count = 0;
  for (let row = begin; row < end; row++) {
    const value = column[row]!;
    if (Number.isNaN(value)) continue;
    // A missing value gives way to any other.
    if (count === 0) least = most = row;
    else if (value < column[least]!) least = row;
    else if (value > column[most]!) most = row;
    sum += value;
    count++;
  }
  values[at] = column[Math.min(least, most)]!;
  values[at + 1] = column[Math.max(least, most)]!;
  means[at] = means[at + 1] = sum / count;
}
