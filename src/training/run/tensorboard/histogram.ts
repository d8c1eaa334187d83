/** How the numbers of a tensor are distributed, in one pass without a logarithm. */

/** What TensorBoard's HistogramProto holds. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  /** Right ends of the buckets, rising; each bucket begins where the one before ends. */
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

/**
 * Bits of a float32 below the sign, the exponent and the first two bits of the mantissa: numbers that agree in the rest
 * share a bucket, so that there are four of them from each power of two to the next.
 */
const dropped = 21;
const halfOfBuckets = 1 << (31 - dropped);

export class HistogramCounts {
  private readonly buckets = new Uint32Array(2 * halfOfBuckets);
  private min = Number.POSITIVE_INFINITY;
  private max = Number.NEGATIVE_INFINITY;
  private count = 0;
  private sum = 0;
  private sumOfSquares = 0;

  add(values: Float32Array): void {
    const { buckets } = this;
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    let { min, max, sum, sumOfSquares } = this;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      buckets[bits[i]! >>> dropped]!++;
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
      sumOfSquares += value * value;
    }
    this.min = min;
    this.max = max;
    this.sum = sum;
    this.sumOfSquares = sumOfSquares;
    this.count += values.length;
  }

  /** @returns null where nothing was added, or something that is not finite */
  result(): Histogram | null {
    const { min, max, count, sum, sumOfSquares } = this;
    if (count === 0 || !Number.isFinite(sumOfSquares)) return null;
    const limits: number[] = [];
    const counts: number[] = [];
    const bucket = (begin: number, end: number, size: number): void => {
      if (size === 0) return;
      // What is empty between two buckets is one bucket itself.
      const last = limits.at(-1);
      if (last !== undefined && last < begin) {
        limits.push(begin);
        counts.push(0);
      }
      limits.push(end);
      counts.push(size);
    };
    const { buckets } = this;
    for (let b = halfOfBuckets - 1; b >= 0; b--) bucket(-edge(b + 1), -edge(b), buckets[halfOfBuckets + b]!);
    for (let b = 0; b < halfOfBuckets; b++) bucket(edge(b), edge(b + 1), buckets[b]!);
    return { min, max, count, sum, sumOfSquares, limits, counts };
  }
}

const scratch = new DataView(new ArrayBuffer(4));

/** Where a bucket of positive numbers begins. */
function edge(bucket: number): number {
  scratch.setUint32(0, bucket << dropped);
  return scratch.getFloat32(0);
}
