/** Names and places in a checkpoint file that its writer and its reader agree on; see docs/formats.md. */

export const formatVersion = 1;

/** Adam's moments of the parameter NAME are the tensors `adam.m.NAME` and `adam.v.NAME`. */
export const momentPrefixes = { m: 'adam.m.', v: 'adam.v.' } as const;

export const metadataKeys = { digest: 'recap.sha256', state: 'recap' } as const;

/** What stands in the digest's place while the digest is taken. */
export const zeroDigest = '0'.repeat(64);

/** Every checkpoint starts so, behind the 8 bytes of the header's length; the digest follows. */
export const headerStart = `{"__metadata__":{"${metadataKeys.digest}":"`;

/** First byte of the digest in the file. */
export const digestPlace = 8 + headerStart.length;

export function checkpointName(step: number): string {
  return `step-${step}.safetensors`;
}

/** N of `step-N.safetensors`, or null for any other name. */
export function stepOfName(name: string): number | null {
  const digits = /^step-(0|[1-9]\d{0,14})\.safetensors$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}
