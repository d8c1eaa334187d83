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

type Word = (lane: number) => number;

/** What gives element `lane` of an instruction's result; elements are words of 32 bits. */
export function laneOf(
  name: string,
  to: Uint32Array,
  lanes: number,
  sources: readonly (Word | null)[],
  order: number,
): Word {
  const [a, b] = sources as [...[Word, Word]];
  const block = (lane: number) => lane & ~3;
  const sum = (lane: number) => floatOf(to[lane]!);
  const x = (lane: number) => floatOf(a(lane));
  const y = (lane: number) => floatOf(b(lane));
  /** Of two numbers, rounded once, since it is exact or nearly so in float64. */
  const rounded = (value: (lane: number) => number) => (lane: number) => bitsOf(value(lane));
  switch (name) {
    case 'vmovups':
      return a;
    case 'vbroadcastss':
      return () => a(0);
    case 'vaddps':
      return rounded((lane) => x(lane) + y(lane));
    case 'vsubps':
      return rounded((lane) => x(lane) - y(lane));
    case 'vmulps':
      return rounded((lane) => x(lane) * y(lane));
    case 'vdivps':
      return rounded((lane) => x(lane) / y(lane));
    case 'vminps':
      return (lane) => (x(lane) < y(lane) ? a : b)(lane);
    case 'vmaxps':
      return (lane) => (x(lane) > y(lane) ? a : b)(lane);
    case 'vfmadd231ps':
      return rounded((lane) => fusedMultiplyAdd(x(lane), y(lane), sum(lane)));
    case 'vfnmadd231ps':
      return rounded((lane) => fusedMultiplyAdd(-x(lane), y(lane), sum(lane)));
    case 'vfmadd213ps':
      return rounded((lane) => fusedMultiplyAdd(x(lane), sum(lane), y(lane)));
    case 'vfnmadd213ps':
      return rounded((lane) => fusedMultiplyAdd(-x(lane), sum(lane), y(lane)));
    case 'vdpbf16ps':
      return rounded((lane) => {
        const [left, right] = [a(lane), b(lane)];
        const upper = flushingMultiplyAdd(floatOf(left & 0xffff0000), floatOf(right & 0xffff0000), sum(lane));
        return flushingMultiplyAdd(floatOf(left << 16), floatOf(right << 16), upper);
      });
    case 'vpaddd':
      return (lane) => a(lane) + b(lane);
    case 'vpsubd':
      return (lane) => a(lane) - b(lane);
    case 'vpslld':
      return (lane) => a(lane) << order;
    case 'vpsrad':
      return (lane) => (a(lane) | 0) >> order;
    case 'vprold':
      return (lane) => (a(lane) << order) | (a(lane) >>> (32 - order));
    case 'vandps':
      return (lane) => a(lane) & b(lane);
    case 'vorps':
    case 'vpord':
      return (lane) => a(lane) | b(lane);
    case 'vxorps':
    case 'vpxord':
      return (lane) => a(lane) ^ b(lane);
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

/** The 32 bits of a number, rounded to float32. */
function bitsOf(value: number): number {
  float[0] = value;
  return bits[0]!;
}

function floatOf(word: number): number {
  bits[0] = word;
  return float[0]!;
}

/** Whether the sign bit is set. */
export function isNegative(word: number): boolean {
  return word >>> 31 === 1;
}
