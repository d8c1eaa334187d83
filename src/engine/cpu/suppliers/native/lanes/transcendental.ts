/** exp, the logistic sigmoid and tanh as lane programs: step by step what wasm/transcendental.ts does. */
import type { LaneProgram, Value } from './lane-program.js';

const roundingShift = 12582912;
const roundingShiftBits = 0x4b400000;

function shiftedExponent(p: LaneProgram, x: Value): Value {
  return p.madd(x, p.splat(Math.LOG2E), p.splat(roundingShift));
}

/** e^r - 1 for what is left of x. */
function expm1OfRemainder(p: LaneProgram, x: Value, shifted: Value): Value {
  const n = p.subtract(shifted, p.splat(roundingShift));
  const r = p.nmadd(n, p.splat(-2.1219444e-4), p.nmadd(n, p.splat(0.693359375), x));
  let q = p.madd(p.splat(1.98756915e-4), r, p.splat(1.3981999507e-3));
  for (const next of [8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1]) {
    q = p.madd(q, r, p.splat(next));
  }
  return p.madd(q, p.multiply(r, r), r);
}

/** 2ⁿ for whole numbers n. */
function powerOf2(p: LaneProgram, n: Value): Value {
  return p.addInt(p.shiftLeft(n, 23), p.splat(1));
}

export function exp(p: LaneProgram, unbounded: Value): Value {
  const x = p.pmax(p.pmin(unbounded, p.splat(89)), p.splat(-105));
  const shifted = shiftedExponent(p, x);
  const y = p.add(expm1OfRemainder(p, x, shifted), p.splat(1));
  const n = p.subtractInt(shifted, p.splatBits(roundingShiftBits));
  const half = p.shiftRightSigned(n, 1);
  return p.multiply(p.multiply(y, powerOf2(p, half)), powerOf2(p, p.subtractInt(n, half)));
}

export function sigmoid(p: LaneProgram, x: Value): Value {
  const one = p.splat(1);
  const e = exp(p, p.or(x, p.splatBits(0x80000000)));
  // e for negative x, else 1.
  const selected = p.addInt(one, p.and(p.shiftRightSigned(x, 31), p.subtractInt(e, one)));
  return p.divide(selected, p.add(e, one));
}

export function tanh(p: LaneProgram, x: Value): Value {
  const magnitudeBits = p.splatBits(0x7fffffff);
  const y = p.pmax(p.multiply(p.and(x, magnitudeBits), p.splat(-2)), p.splat(-20));
  const shifted = shiftedExponent(p, y);
  const e = expm1OfRemainder(p, y, shifted);
  const s = powerOf2(p, p.subtractInt(shifted, p.splatBits(roundingShiftBits)));
  const t = p.madd(s, e, p.subtract(s, p.splat(1)));
  const quotient = p.divide(p.and(t, magnitudeBits), p.add(t, p.splat(2)));
  return p.or(quotient, p.and(x, p.splatBits(0x80000000)));
}
