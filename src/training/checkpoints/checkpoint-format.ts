/** Names and places in a checkpoint file that its writer and its reader agree on; see docs/formats.md. */
import type { UpdateRule } from '../../tensor/update-rules.js';

export const formatVersion = 2;

/**
 * What stands before a parameter's name in the name of each of the optimiser's arrays: `adam.m.` and `adam.v.` for Adam.
 */
export function statePrefix(rule: UpdateRule, state: string): string {
  return `${rule}.${state}.`;
}

/** What stands before a parameter's name in the name of its moving average. */
export const averagePrefix = 'ema.';

export const metadataKeys = { digest: 'recap.sha256', state: 'recap' } as const;

/** What stands in the digest's place while the digest is taken. */
export const zeroDigest = '0'.repeat(64);

/** Every checkpoint starts so, behind the 8 bytes of the header's length; the digest follows. */
export const headerStart = `{"__metadata__":{"${metadataKeys.digest}":"`;

/** First byte of the digest in the file. */
export const digestPlace = 8 + headerStart.length;

/** The state that was best at its validation; its step is in its metadata alone. */
export const bestName = 'best.safetensors';

export function checkpointName(step: number): string {
  return `step-${step}.safetensors`;
}

/** N of `step-N.safetensors`, or null for any other name. */
export function stepOfName(name: string): number | null {
  const digits = /^step-(0|[1-9]\d{0,14})\.safetensors$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}
