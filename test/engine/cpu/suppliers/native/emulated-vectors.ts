/** What vector instructions compute, element by element, for `Emulator`. */
import { flushingMultiplyAdd, fusedMultiplyAdd } from './fused-chain.js';

const widths = { x: 4, y: 8, z: 16 } as const;

/** A vector operand: register and count of elements, and the mask that applies to a result. */
export interface VectorOperand {
  readonly register: number;
  readonly lanes: number;
  readonly mask: number;
  readonly zeroing: boolean;
}

/** What gives element `lane` of an instruction's result. */
export function laneOf(
  name: string,
  to: Float32Array,
  lanes: number,
  sources: readonly (((lane: number) => number) | null)[],
  order: number,
): (lane: number) => number {
  const [a, b] = sources as [...[(lane: number) => number, (lane: number) => number]];
  const block = (lane: number) => lane & ~3;
  switch (name) {
    case 'vmovups':
      return a;
    case 'vbroadcastss':
      return () => a(0);
    case 'vaddps':
      return (lane) => Math.fround(a(lane) + b(lane));
    case 'vfmadd231ps':
      return (lane) => fusedMultiplyAdd(a(lane), b(lane), to[lane]!);
    case 'vdpbf16ps':
      return (lane) => {
        const [left, right] = [bitsOf(a(lane)), bitsOf(b(lane))];
        const upper = flushingMultiplyAdd(floatOf(left & 0xffff0000), floatOf(right & 0xffff0000), to[lane]!);
        return flushingMultiplyAdd(floatOf(left << 16), floatOf(right << 16), upper);
      };
    case 'vpslld':
      return (lane) => floatOf(bitsOf(a(lane)) << order);
    case 'vprold':
      return (lane) => floatOf((bitsOf(a(lane)) << order) | (bitsOf(a(lane)) >>> (32 - order)));
    case 'vpord':
      return (lane) => floatOf(bitsOf(a(lane)) | bitsOf(b(lane)));
    case 'vxorps':
    case 'vpxord':
      return (lane) => {
        if (!Object.is(a(lane), b(lane))) throw new Error('only zeros are made with xor');
        return 0;
      };
    case 'vunpcklps':
      return (lane) => (lane & 1 ? b : a)(block(lane) + ((lane & 3) >> 1));
    case 'vunpckhps':
      return (lane) => (lane & 1 ? b : a)(block(lane) + 2 + ((lane & 3) >> 1));
    case 'vshufps':
      return (lane) => ((lane & 3) < 2 ? a : b)(block(lane) + ((order >> (2 * (lane & 3))) & 3));
    case 'vperm2f128':
      return (lane) => {
        const choice = order >> (lane < 4 ? 0 : 4);
        return (choice & 2 ? b : a)((choice & 1) * 4 + (lane & 3));
      };
    case 'vmaskmovps':
      return (lane) => (isNegative(a(lane)) ? b(lane) : 0);
  }
  throw new Error(`${name} of ${lanes} elements is not emulated`);
}

export function maskOf(text: string): Pick<VectorOperand, 'mask' | 'zeroing'> {
  return { mask: Number(/\{k(\d)\}/.exec(text)?.[1] ?? 0), zeroing: text.includes('{z}') };
}

/** "zmm3{k1}{z}" */
export function vectorOperand(text: string): VectorOperand {
  const [, width, register] = /^([xyz])mm(\d+)/.exec(text)!;
  return { register: Number(register), lanes: widths[width as keyof typeof widths], ...maskOf(text) };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** A float as a whole number of 32 bits. Of what is no number the payload is lost. */
export function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

/** The float of these 32 bits, which must be that of a number: others may change on the way. */
export function floatOf(word: number): number {
  bits[0] = word;
  if (Number.isNaN(float[0])) throw new Error('the halves of a word are no number together');
  return float[0]!;
}

/** Whether the sign bit is set, of a number or of a word of all ones, which as a float is no number. */
export function isNegative(value: number): boolean {
  float[0] = value;
  return Number.isNaN(value) || bits[0]! >>> 31 === 1;
}
