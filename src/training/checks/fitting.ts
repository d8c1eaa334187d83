/** Lines through measurements of times, which are never negative. */
import type { Line } from './cost-model.js';

/** That `count` of something took so long. */
export interface Point {
  readonly count: number;
  readonly milliseconds: number;
}

/**
 * The line whose relative errors have the smallest sum of squares, so that short and long times weigh alike; neither of
 * its two numbers is negative.
 *
 * @param points of positive times; of one count all is fixed
 */
export function lineThrough(points: readonly Point[]): Line {
  // t ≈ fixed + each · n, divided by t: 1 ≈ fixed · u + each · v.
  const scaled = points.map(({ count, milliseconds }) => ({ u: 1 / milliseconds, v: count / milliseconds }));
  const total = (of: (point: { u: number; v: number }) => number) => scaled.reduce((sum, point) => sum + of(point), 0);
  const [uu, uv, vv] = [total(({ u }) => u * u), total(({ u, v }) => u * v), total(({ v }) => v * v)];
  const [u, v] = [total((point) => point.u), total((point) => point.v)];
  const determinant = uu * vv - uv * uv;
  // Of one count alone it is zero but for rounding.
  if (determinant <= 1e-9 * uu * vv) return { fixed: u / uu, each: 0 };
  const [fixed, each] = [(u * vv - v * uv) / determinant, (v * uu - u * uv) / determinant];
  if (fixed < 0) return { fixed: 0, each: v / vv };
  if (each < 0) return { fixed: u / uu, each: 0 };
  return { fixed, each };
}
