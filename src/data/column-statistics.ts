/** Mean and spread of the columns of a table, in float64 whatever the table is kept in. */
import { copyRow, type FeatureTable } from './feature-table.js';

export interface ColumnStatistics {
  /** (columns) */
  readonly mean: Float64Array;
  /** (columns) 1 over the standard deviation; 1 for a column whose numbers are all the same. */
  readonly inverseDeviation: Float64Array;
}

/** Over these rows of the table, each counted once, in rising order. */
export function columnStatistics(table: FeatureTable, rows: Iterable<number>): ColumnStatistics {
  const { columns } = table;
  const distinct = [...new Set(rows)].sort((a, b) => a - b);
  const row = new Float64Array(columns);
  const meanOf = (value: (x: number, column: number) => number) => {
    const sums = new Float64Array(columns);
    for (const each of distinct) {
      copyRow(table, each, row, 0);
      for (let column = 0; column < columns; column++) sums[column]! += value(row[column]!, column);
    }
    return sums.map((sum) => sum / distinct.length);
  };
  const mean = meanOf((x) => x);
  const variance = meanOf((x, column) => (x - mean[column]!) ** 2);
  return { mean, inverseDeviation: variance.map((square) => (square > 0 ? 1 / Math.sqrt(square) : 1)) };
}
