/** Down-sampling that keeps what stands out: the smallest and the largest value of every stretch of rows. */

/** Numbers by column, as many in each. NaN is a value that is missing. */
export type NumberColumns = ReadonlyMap<string, ArrayLike<number>>;

/** The columns that say where a row lies rise; of a stretch they keep the first and the last value. */
export const placeColumns: readonly string[] = ['step', 'time'];

export interface SampledRows {
  /** Rows that the columns have. */
  readonly length: number;
  /**
   * As they are where the rows are few enough, else two rows a stretch, least and most, whichever comes first first; and
   * the last row as it is.
   */
  readonly values: ReadonlyMap<string, Float64Array>;
  /** The mean of the stretch, twice; of the last row its value. */
  readonly means: ReadonlyMap<string, Float64Array>;
}

/**
 * Rows `from` to `to` (exclusive) as `most` rows or fewer. A column's least and most of each stretch are among its values,
 * within the stretch: a place is wrong by less than the stretch is long. The last row is where a run stands, and stays.
 *
 * @param most 3 at least
 */
export function sampleRows(columns: NumberColumns, from: number, to: number, most: number): SampledRows {
  const rows = Math.max(0, to - from);
  const stretches = rows <= most ? null : Math.floor((most - 1) / 2);
  const length = stretches === null ? rows : 2 * stretches + 1;
  const begins = (stretch: number) => from + beginOf(stretch, stretches ?? 1, rows - 1);
  const values = new Map<string, Float64Array>();
  const means = new Map<string, Float64Array>();
  for (const [name, column] of columns) {
    const own = new Float64Array(length);
    values.set(name, own);
    if (stretches === null) {
      for (let row = 0; row < rows; row++) own[row] = column[from + row]!;
    } else if (placeColumns.includes(name)) {
      for (let s = 0; s < stretches; s++) {
        own[2 * s] = column[begins(s)]!;
        own[2 * s + 1] = column[begins(s + 1) - 1]!;
      }
      own[length - 1] = column[to - 1]!;
    } else {
      const mean = new Float64Array(length);
      for (let s = 0; s < stretches; s++) {
        sampleStretch(column, begins(s), begins(s + 1), 2 * s, own, mean);
      }
      own[length - 1] = mean[length - 1] = column[to - 1]!;
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
