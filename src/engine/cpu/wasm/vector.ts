/** Loads and stores of fewer than four lanes, and the multiply-add that each build has. */

/** a·b + c: fused, rounded once, in the relaxed build; rounded twice in the plain one. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c - a·b. */
// @ts-ignore: decorator
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** The first n of four floats, n in 1..4; the other lanes are zero and their memory is not touched. */
// @ts-ignore: decorator
@inline
export function loadFirst(at: usize, n: u32): v128 {
  if (n >= 4) return v128.load(at);
  if (n == 3) return v128.load_lane<f32>(at, v128.load_zero<f64>(at), 2, 8);
  if (n == 2) return v128.load_zero<f64>(at);
  return v128.load_zero<f32>(at);
}

/** Stores the first n of four lanes, n in 1..4. */
// @ts-ignore: decorator
@inline
export function storeFirst(at: usize, x: v128, n: u32): void {
  if (n >= 4) {
    v128.store(at, x);
    return;
  }
  if (n >= 2) v128.store_lane<f64>(at, x, 0);
  else v128.store_lane<f32>(at, x, 0);
  if (n == 3) v128.store_lane<f32>(at, x, 2, 8);
}

// @ts-ignore: decorator
@inline
export function sumOfLanes(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3))
  );
}
