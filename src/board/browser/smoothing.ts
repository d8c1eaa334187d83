/** A curve without its noise. */

/**
 * The mean of the values around each, before and behind it, with weights that fall off by half in a stretch of the axis.
 *
 * @param x rising
 * @param half the stretch, in units of `x`; 0 leaves the values as they are
 */
export function smooth(x: readonly number[], y: readonly (number | null)[], half: number): (number | null)[] {
  if (!(half > 0)) return [...y];
  const before = weighedSums(x, y, half);
  const behind = weighedSums(x.map((value) => -value).reverse(), y.toReversed(), half);
  return y.map((value, i) => {
    if (value === null) return null;
    const [sum, weight] = before[i]!;
    const [sumBehind, weightBehind] = behind[x.length - 1 - i]!;
    // Its own value is in both.
    return (sum + sumBehind - value) / (weight + weightBehind - 1);
  });
}

/** Of each value and those before it: their weighed sum, and the sum of the weights. */
function weighedSums(x: readonly number[], y: readonly (number | null)[], half: number): (readonly [number, number])[] {
  let sum = 0;
  let weight = 0;
  return x.map((at, i) => {
    const kept = i === 0 ? 0 : 2 ** ((x[i - 1]! - at) / half);
    const value = y[i]!;
    sum = sum * kept + (value ?? 0);
    weight = weight * kept + (value === null ? 0 : 1);
    return [sum, weight];
  });
}
