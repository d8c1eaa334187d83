/** Whole numbers in a row that grows, without an object a number. */
export class IntList {
  /** The numbers, and room for more behind them. */
  array: Int32Array<ArrayBuffer>;
  length: number;

  constructor(numbers: readonly number[] = []) {
    this.array = new Int32Array(Math.max(16, numbers.length));
    this.array.set(numbers);
    this.length = numbers.length;
  }

  push(number: number): void {
    if (this.length === this.array.length) this.reserve(this.length + 1);
    this.array[this.length++] = number;
  }

  /** Makes the array at least this long; what is new in it is 0. */
  reserve(length: number): void {
    if (length <= this.array.length) return;
    const larger = new Int32Array(Math.max(length, 2 * this.array.length));
    larger.set(this.array);
    this.array = larger;
  }

  /** From one place to before another, not copied. */
  part(from: number, to: number): Int32Array<ArrayBuffer> {
    return this.array.subarray(from, to);
  }
}
