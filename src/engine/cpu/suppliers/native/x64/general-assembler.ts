/** The instructions on general-purpose registers, which are used in their whole 64 bits: arithmetic, jumps, the stack. */
import { Code, type Label } from './code.js';
import { emitLegacy } from './encoding.js';
import { type Gpr, type Memory, rax } from './operands.js';

const conditions = { b: 2, ae: 3, e: 4, ne: 5, be: 6, a: 7, s: 8, l: 12, ge: 13, le: 14, g: 15 } as const;
/** Of the last comparison: equal, less and greater with a sign, below and above without, or negative. */
export type Condition = keyof typeof conditions;

const arithmetic = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;

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

export class GeneralAssembler extends Code {
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
}

function registerNumber(operand: Gpr | Memory): number {
  if (operand.kind === 'memory') throw new Error('an instruction has one operand in memory at most');
  return operand.number;
}
