/** Numbers of 16 bits (IEEE 754 binary16), kept as their bits: JavaScript has no array of them everywhere. */

const infinity = 0x7c00;

/**
 * Rounds to the nearest, ties to even. What is too large becomes infinite, and NaN stays NaN.
 *
 * @param bits of a float32
 */
function roundedBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | infinity;
  // From 2⁻¹⁴ on the exponent is one of float16 too; a carry of the rounding moves into it.
  if (magnitude >= 0x38800000) {
    return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
  }
  // Up to 2⁻²⁵, half of the smallest number, it is zero.
  if (magnitude <= 0x33000000) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const half = 1 << (shift - 1);
  return sign | ((mantissa + half - 1 + ((mantissa >>> shift) & 1)) >>> shift);
}

/**
 * Rounds `count` float32 numbers from `from` on into `target` from `to` on.
 *
 * @param bits of the float32 numbers
 * @returns the place of the first whose rounded value is not finite, counted from `from`, or -1
 */
export function roundToFloat16(
  bits: Uint32Array,
  from: number,
  target: Uint16Array,
  to: number,
  count: number,
): number {
  for (let i = 0; i < count; i++) {
    const rounded = roundedBits(bits[from + i]!);
    if ((rounded & infinity) === infinity) return i;
    target[to + i] = rounded;
  }
  return -1;
}

/** Copies float16 numbers; returns as `roundToFloat16`. */
export function copyFloat16(source: Uint16Array, from: number, target: Uint16Array, to: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const bits = source[from + i]!;
    if ((bits & infinity) === infinity) return i;
    target[to + i] = bits;
  }
  return -1;
}

/** Writes `count` float16 numbers from `from` on into `target` from `to` on, exactly. */
export function widenFloat16(
  source: Uint16Array,
  from: number,
  target: Float32Array | Float64Array,
  to: number,
  count: number,
): void {
  values ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => numberOf(bits));
  const table = values;
  for (let i = 0; i < count; i++) target[to + i] = table[source[from + i]!]!;
}

/** Of all bits, made when first needed. */
let values: Float32Array | null = null;

function numberOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}
