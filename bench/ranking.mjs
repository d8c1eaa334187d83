/** Whom recap is compared with, and what a program's measured lines come to. */

/**
 * @typedef {object} Measured
 * @property {import('./peer-list.mjs').Program} program
 * @property {{captionsPerSecond: number}} line
 */

/** A second form this near the fastest in the screening takes part in the rounds: a short look cannot tell them apart. */
const level = 1.03;

/** @returns {Measured[]} in order of speed, the fastest first */
export function fastestFirst(measured) {
  return [...measured].sort((a, b) => b.line.captionsPerSecond - a.line.captionsPerSecond);
}

/**
 * The programs that recap meets in the rounds: the fastest, and that of a second form that is as good as level with it.
 *
 * @param {Measured[]} screened
 * @returns {Measured[]}
 */
export function contenders(screened) {
  const [first, ...others] = fastestFirst(screened);
  if (first === undefined) return [];
  const second = others.find(({ program }) => program.form !== first.program.form);
  const near = second !== undefined && first.line.captionsPerSecond <= level * second.line.captionsPerSecond;
  return near ? [first, second] : [first];
}

export function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

/** Captions a second over a program's rounds, and the milliseconds of a step. */
export function summary(lines) {
  const speeds = lines.map((line) => line.captionsPerSecond);
  return {
    speed: median(speeds),
    lowest: Math.min(...speeds),
    highest: Math.max(...speeds),
    stepMs: median(lines.map((line) => line.stepMs.median)),
  };
}
