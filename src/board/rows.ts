/** A table of numbers that grows by rows and never beyond a bound: rows that are too many are thinned. */
import { type NumberColumns, sampleRows } from './sampled-rows.js';

const firstCapacity = 1024;
/** Rows in memory; a million steps stay as they are. */
const mostRows = 2 ** 20;
/** Beside the exact ones, so that nobody's log makes columns without end; later names are passed over. */
const mostColumns = 64;
type Column = Float32Array | Float64Array;

export class Rows {
  length = 0;
  private capacity = firstCapacity;
  private readonly arrays = new Map<string, Column>();
  /** The arrays of the names that came last: those of a log are the same in a million rows. */
  private last: { readonly names: readonly string[]; readonly arrays: readonly (Column | undefined)[] } | null = null;

  /**
   * @param most rows that are kept, 6 at least; beyond it every four become two, which keep least and most
   * @param exact columns whose values need more than the seven digits of a float32
   */
  constructor(
    private readonly exact: readonly string[] = ['step', 'time'],
    private readonly most: number = mostRows,
  ) {}

  /** Views of all columns, to be read before the next row comes. */
  get columns(): NumberColumns {
    return new Map([...this.arrays].map(([name, array]) => [name, array.subarray(0, this.length)]));
  }

  column(name: string): ArrayLike<number> | undefined {
    return this.arrays.get(name)?.subarray(0, this.length);
  }

  /** A row; columns that are not named have no value in it. `names` is not to be changed afterwards. */
  append(names: readonly string[], values: ArrayLike<number>): void {
    if (this.length === this.most) this.thin();
    if (this.length === this.capacity) this.grow();
    const row = this.length++;
    if (this.last?.names !== names) this.last = { names, arrays: names.map((name) => this.arrayOf(name)) };
    const { arrays } = this.last;
    for (let i = 0; i < arrays.length; i++) {
      const array = arrays[i];
      if (array !== undefined) array[row] = values[i]!;
    }
  }

  /** A value of the last row. */
  set(name: string, value: number): void {
    const array = this.arrayOf(name);
    if (array !== undefined) array[this.length - 1] = value;
  }

  clear(): void {
    this.length = 0;
    this.capacity = firstCapacity;
    this.arrays.clear();
    this.last = null;
  }

  /** The first row whose `name`, a column that rises, is not below the value. */
  firstFrom(name: string, value: number): number {
    const column = this.arrays.get(name);
    let low = 0;
    for (let high = column === undefined ? 0 : this.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (column![middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @returns undefined where there are too many columns already */
  private arrayOf(name: string): Column | undefined {
    const known = this.arrays.get(name);
    if (known !== undefined) return known;
    if (this.arrays.size >= mostColumns && !this.exact.includes(name)) return undefined;
    const array = this.newArray(name);
    this.arrays.set(name, array);
    return array;
  }

  private newArray(name: string): Column {
    const array = this.exact.includes(name) ? new Float64Array(this.capacity) : new Float32Array(this.capacity);
    return array.fill(Number.NaN);
  }

  private grow(): void {
    this.capacity = Math.min(2 * this.capacity, this.most);
    for (const [name, old] of this.arrays) {
      const array = this.newArray(name);
      array.set(old);
      this.arrays.set(name, array);
    }
    this.last = null;
  }

  private thin(): void {
    const { length, values } = sampleRows(this.columns, 0, this.length, this.most / 2);
    for (const [name, array] of this.arrays) {
      array.set(values.get(name)!);
      array.fill(Number.NaN, length);
    }
    this.length = length;
  }
}
