/**
 * An assembler for the instructions that the generated kernels are made of. Methods are named after the instructions
 * and take the result first. General-purpose registers are used in their whole 64 bits.
 */
import { Code, type Label } from './code.js';
import { emitEvex, emitLegacy, emitVex, type Masking, type RmOperand, type VectorOpcode } from './encoding.js';
import { type Gpr, type Mask, type Memory, rax, type Vector, type VectorBytes } from './operands.js';

const conditions = { b: 2, ae: 3, e: 4, ne: 5, be: 6, a: 7, s: 8, l: 12, ge: 13, le: 14, g: 15 } as const;
/** Of the last comparison: equal, less and greater with a sign, below and above without, or negative. */
export type Condition = keyof typeof conditions;

const arithmetic = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;

const vectorShifts: VectorOpcode = { prefix: 1, map: 1, opcode: 0x72 };

const prefetches = { t0: [0x18, 1], t1: [0x18, 2], t2: [0x18, 3], w: [0x0d, 1] } as const;
/** Into the first, second or third cache, or into the first to be written. */
export type Prefetch = keyof typeof prefetches;

function fits8(value: number): boolean {
  return value >= -128 && value <= 127;
}

function checkImmediate(value: number): void {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31)
    throw new Error(`${value} is no 32-bit number`);
}

export class Assembler extends Code {
  mov(to: Gpr | Memory, from: Gpr | Memory | number): void {
    if (typeof from === 'number') {
      checkImmediate(from);
      emitLegacy(this, true, [0xc7], 0, to);
      this.emit32(from);
    } else if (from.kind === 'gpr') {
      emitLegacy(this, true, [0x89], from.number, to);
    } else {
      emitLegacy(this, true, [0x8b], registerNumber(to), from);
    }
  }

  /** Stores the lower 32 bits. */
  store32(to: Memory, from: Gpr): void {
    emitLegacy(this, false, [0x89], from.number, to);
  }

  /** Loads 32 bits, with zeros above them. */
  load32(to: Gpr, from: Memory): void {
    emitLegacy(this, false, [0x8b], to.number, from);
  }

  /** The address of memory, or of a label. */
  lea(to: Gpr, from: Memory | Label): void {
    emitLegacy(this, true, [0x8d], to.number, from);
  }

  add(to: Gpr | Memory, from: Gpr | Memory | number): void {
    this.arithmetic('add', to, from);
  }

  or(to: Gpr | Memory, from: Gpr | Memory | number): void {
    this.arithmetic('or', to, from);
  }

  and(to: Gpr | Memory, from: Gpr | Memory | number): void {
    this.arithmetic('and', to, from);
  }

  sub(to: Gpr | Memory, from: Gpr | Memory | number): void {
    this.arithmetic('sub', to, from);
  }

  xor(to: Gpr | Memory, from: Gpr | Memory | number): void {
    this.arithmetic('xor', to, from);
  }

  cmp(left: Gpr | Memory, right: Gpr | Memory | number): void {
    this.arithmetic('cmp', left, right);
  }

  private arithmetic(name: keyof typeof arithmetic, to: Gpr | Memory, from: Gpr | Memory | number): void {
    const kind = arithmetic[name];
    if (typeof from !== 'number') {
      if (from.kind === 'gpr') emitLegacy(this, true, [kind * 8 + 1], from.number, to);
      else emitLegacy(this, true, [kind * 8 + 3], registerNumber(to), from);
      return;
    }
    checkImmediate(from);
    if (fits8(from)) {
      emitLegacy(this, true, [0x83], kind, to);
      this.emit(from & 0xff);
      return;
    }
    if (to.kind === 'gpr' && to.number === rax.number) this.emit(0x48, kind * 8 + 5);
    else emitLegacy(this, true, [0x81], kind, to);
    this.emit32(from);
  }

  imul(to: Gpr, from: Gpr | Memory, factor?: number): void {
    if (factor === undefined) {
      emitLegacy(this, true, [0x0f, 0xaf], to.number, from);
      return;
    }
    checkImmediate(factor);
    emitLegacy(this, true, [fits8(factor) ? 0x6b : 0x69], to.number, from);
    if (fits8(factor)) this.emit(factor & 0xff);
    else this.emit32(factor);
  }

  /** @param count bits, or 'cl' for as many as rcx says */
  shl(to: Gpr, count: number | 'cl'): void {
    this.shift(4, to, count);
  }

  shr(to: Gpr, count: number | 'cl'): void {
    this.shift(5, to, count);
  }

  private shift(kind: number, to: Gpr, count: number | 'cl'): void {
    if (count === 'cl') emitLegacy(this, true, [0xd3], kind, to);
    else if (count === 1) emitLegacy(this, true, [0xd1], kind, to);
    else {
      emitLegacy(this, true, [0xc1], kind, to);
      this.emit(count);
    }
  }

  test(left: Gpr | Memory, right: Gpr | number): void {
    if (typeof right !== 'number') {
      emitLegacy(this, true, [0x85], right.number, left);
      return;
    }
    checkImmediate(right);
    if (left.kind === 'gpr' && left.number === rax.number) this.emit(0x48, 0xa9);
    else emitLegacy(this, true, [0xf7], 0, left);
    this.emit32(right);
  }

  cmov(condition: Condition, to: Gpr, from: Gpr | Memory): void {
    emitLegacy(this, true, [0x0f, 0x40 | conditions[condition]], to.number, from);
  }

  jmp(target: Label): void {
    this.emit(0xe9);
    this.emitDistance(target);
  }

  j(condition: Condition, target: Label): void {
    this.emit(0x0f, 0x80 | conditions[condition]);
    this.emitDistance(target);
  }

  call(target: Label): void {
    this.emit(0xe8);
    this.emitDistance(target);
  }

  ret(): void {
    this.emit(0xc3);
  }

  push(from: Gpr): void {
    if (from.number >= 8) this.emit(0x41);
    this.emit(0x50 | (from.number & 7));
  }

  pop(to: Gpr): void {
    if (to.number >= 8) this.emit(0x41);
    this.emit(0x58 | (to.number & 7));
  }

  cpuid(): void {
    this.emit(0x0f, 0xa2);
  }

  xgetbv(): void {
    this.emit(0x0f, 0x01, 0xd0);
  }

  prefetch(where: Prefetch, from: Memory): void {
    const [opcode, kind] = prefetches[where];
    emitLegacy(this, false, [0x0f, opcode], kind, from);
  }

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

function registerNumber(operand: Gpr | Memory): number {
  if (operand.kind === 'memory') throw new Error('an instruction has one operand in memory at most');
  return operand.number;
}
