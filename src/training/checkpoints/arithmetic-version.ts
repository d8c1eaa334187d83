/**
 * Stands for the bits that a step computes: raised by one in every commit after which a run gone on with, or begun anew
 * from the same config and data, has another loss, parameter or moment than before, in any engine and in whatever digit.
 * Resumption compares it, so that nobody takes two halves of different arithmetic for one run.
 *
 * 1 is that of recap 0.1.0. 2: WebAssembly's products add up the last columns, where they are no multiple of 8, in one
 * chain as all others, also beyond 512 terms.
 */
export const arithmeticVersion = 2;
