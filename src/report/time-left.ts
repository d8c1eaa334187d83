/** When something will be over, going by how it went. */

export interface Pace {
  /** Moments by `performance.now()`: when it began, and when so much of it was done. */
  readonly from: number;
  readonly to: number;
  readonly done: number;
  readonly left: number;
}

/** Milliseconds from now on, which go down while nothing is heard. */
export function timeLeft({ from, to, done, left }: Pace): number {
  return Math.max(0, ((to - from) / done) * left - (performance.now() - to));
}
