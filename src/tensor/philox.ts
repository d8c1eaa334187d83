/**
 * Philox 4x32-10, a counter-based random generator (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy
 * as 1, 2, 3"): four random words are a pure function of a counter and a key, so that any element of a random mask can
 * be computed alone, in any order and on any engine.
 */

/** Four unsigned 32-bit words. */
export type Words4 = readonly [number, number, number, number];
export type Words2 = readonly [number, number];

const rounds = 10;
const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
/** What the key's words grow by from round to round: the golden ratio and √3 - 1. */
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

export function philox4x32(counter: Words4, key: Words2): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < rounds; round++) {
    const high0 = highWord(multiplier0, c0);
    const high1 = highWord(multiplier1, c2);
    const low0 = Math.imul(multiplier0, c0);
    const low1 = Math.imul(multiplier1, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The upper 32 bits of the 64-bit product of two unsigned words. */
function highWord(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  // Each term stays below 2^53, where numbers are exact.
  const middle = a1 * b0 + Math.floor((a0 * b0) / 2 ** 16);
  const cross = a0 * b1 + (middle % 2 ** 16);
  return a1 * b1 + Math.floor(middle / 2 ** 16) + Math.floor(cross / 2 ** 16);
}
