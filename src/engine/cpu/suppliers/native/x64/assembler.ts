/**
 * An assembler for the instructions that the generated kernels are made of: those on vectors, beside those on
 * general-purpose registers. Methods are named after the instructions and take the result first.
 */
import { emitEvex, emitVex, type Masking, type RmOperand, type VectorOpcode } from './encoding.js';
import { GeneralAssembler } from './general-assembler.js';
import type { Gpr, Mask, Memory, Vector, VectorBytes } from './operands.js';

const vectorShifts: VectorOpcode = { prefix: 1, map: 1, opcode: 0x72 };

export class Assembler extends GeneralAssembler {
  vzeroupper(): void {
    this.emit(0xc5, 0xf8, 0x77);
  }

  /** Loads, stores or copies a vector of floats. */
  vmovups(to: Vector | Memory, from: Vector | Memory, masking?: Masking): void {
    if (to.kind === 'vector') this.vector({ prefix: 0, map: 1, opcode: 0x10 }, to, null, from, masking);
    else if (from.kind === 'vector') this.vector({ prefix: 0, map: 1, opcode: 0x11 }, from, null, to, masking);
  }

  /** All elements of the result are the one in memory, or the first of the register. */
  vbroadcastss(to: Vector, from: Vector | Memory): void {
    const source = from.kind === 'vector' ? { ...from, bytes: 16 as const } : from;
    this.vector({ prefix: 1, map: 2, opcode: 0x18, displaced: 'element' }, to, null, source);
  }

  vaddps(to: Vector, left: Vector, right: Vector | Memory, masking?: Masking): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x58 }, to, left, right, masking);
  }

  /** to += left·right, rounded once. */
  vfmadd231ps(to: Vector, left: Vector, right: Vector | Memory, masking?: Masking): void {
    this.vector({ prefix: 1, map: 2, opcode: 0xb8 }, to, left, right, masking);
  }

  /** to += left·right, the sum of the products of two pairs of bfloat16, the upper ones first, each rounded. */
  vdpbf16ps(to: Vector, left: Vector, right: Vector | Memory, masking: Masking = {}): void {
    emitEvex(this, { prefix: 2, map: 2, opcode: 0x52 }, to.bytes, to.number, left.number, right, masking);
  }

  /** Not of 512 bits, for which `vpxord` is the one that every AVX-512 processor has. */
  vxorps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vex({ prefix: 0, map: 1, opcode: 0x57 }, to.bytes, to.number, left.number, right);
  }

  vpxord(to: Vector, left: Vector, right: Vector | Memory, masking: Masking = {}): void {
    emitEvex(this, { prefix: 1, map: 1, opcode: 0xef }, to.bytes, to.number, left.number, right, masking);
  }

  vpord(to: Vector, left: Vector, right: Vector | Memory, masking: Masking = {}): void {
    emitEvex(this, { prefix: 1, map: 1, opcode: 0xeb }, to.bytes, to.number, left.number, right, masking);
  }

  /** Shifts each 32-bit element to the left. */
  vpslld(to: Vector, from: Vector | Memory, count: number, masking?: Masking): void {
    this.vectorShift(6, to, from, count, masking);
  }

  /** Rotates each 32-bit element to the left. */
  vprold(to: Vector, from: Vector | Memory, count: number, masking: Masking = {}): void {
    emitEvex(this, vectorShifts, to.bytes, 1, to.number, from, masking);
    this.emit(count);
  }

  protected vectorShift(kind: number, to: Vector, from: Vector | Memory, count: number, masking: Masking = {}): void {
    const isHigh = from.kind === 'memory' || Math.max(to.number, from.number) >= 16;
    if (to.bytes === 64 || isHigh || masking.mask) {
      emitEvex(this, vectorShifts, to.bytes, kind, to.number, from, masking);
    } else {
      emitVex(this, vectorShifts, to.bytes, kind, to.number, from);
    }
    this.emit(count);
  }

  /** Loads 16-bit elements; those that are masked out are not touched in memory. */
  vmovdqu16(to: Vector, from: Vector | Memory, masking: Masking = {}): void {
    emitEvex(this, { prefix: 3, map: 1, opcode: 0x6f, wide: true }, to.bytes, to.number, 0, from, masking);
  }

  /** 16-bit elements, half a vector of them, with zeros above each. */
  vpmovzxwd(to: Vector, from: Memory, masking?: Masking): void {
    this.vector({ prefix: 1, map: 2, opcode: 0x33, displaced: 'half' }, to, null, from, masking);
  }

  vunpcklps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x14 }, to, left, right);
  }

  vunpckhps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x15 }, to, left, right);
  }

  vshufps(to: Vector, left: Vector, right: Vector | Memory, order: number): void {
    this.vector({ prefix: 0, map: 1, opcode: 0xc6 }, to, left, right);
    this.emit(order);
  }

  vperm2f128(to: Vector, left: Vector, right: Vector | Memory, order: number): void {
    this.vex({ prefix: 1, map: 3, opcode: 0x06 }, 32, to.number, left.number, right);
    this.emit(order);
  }

  /** Loads or stores the elements whose sign is set in `which`; the others are not touched in memory, and load as 0. */
  vmaskmovps(to: Vector | Memory, which: Vector, from: Vector | Memory): void {
    if (to.kind === 'vector') {
      this.vex({ prefix: 1, map: 2, opcode: 0x2c }, to.bytes, to.number, which.number, from);
    } else if (from.kind === 'vector') {
      this.vex({ prefix: 1, map: 2, opcode: 0x2e }, from.bytes, from.number, which.number, to);
    }
  }

  /** The lower 16 bits of a register as a mask. */
  kmovw(to: Mask, from: Gpr): void {
    this.vex({ prefix: 0, map: 1, opcode: 0x92 }, 16, to.number, 0, from);
  }

  /** With a VEX prefix where the instruction and its registers allow it, which is shorter. */
  protected vector(
    opcode: VectorOpcode,
    reg: Vector,
    second: Vector | null,
    rm: Vector | Memory,
    masking: Masking = {},
  ): void {
    const { mask, broadcast = false } = masking;
    const high = Math.max(reg.number, second?.number ?? 0, rm.kind === 'vector' ? rm.number : 0) >= 16;
    if (reg.bytes === 64 || high || mask || broadcast) {
      emitEvex(this, opcode, reg.bytes, reg.number, second?.number ?? 0, rm, masking);
    } else {
      this.vex(opcode, reg.bytes, reg.number, second?.number ?? 0, rm);
    }
  }

  private vex(opcode: VectorOpcode, bytes: VectorBytes, reg: number, second: number, rm: RmOperand): void {
    emitVex(this, opcode, bytes, reg, second, rm);
  }
}
