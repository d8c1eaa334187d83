/** Registers and memory operands of x86-64 instructions. */

/** A general-purpose register, 64 bits wide. */
export interface Gpr {
  readonly kind: 'gpr';
  /** 0 to 15 in the order of the encoding: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15. */
  readonly number: number;
}

/** A vector register: xmm, ymm or zmm by its width. */
export interface Vector {
  readonly kind: 'vector';
  /** 0 to 31; from 16 on only in instructions with an EVEX prefix. */
  readonly number: number;
  readonly bytes: VectorBytes;
}
export type VectorBytes = 16 | 32 | 64;

/** An opmask register of AVX-512; as a mask, k0 stands for none. */
export interface Mask {
  readonly kind: 'mask';
  readonly number: number;
}

/** The bytes at base + index·scale + displacement. */
export interface Memory {
  readonly kind: 'memory';
  readonly base: Gpr;
  readonly index: Gpr | null;
  readonly scale: Scale;
  readonly displacement: number;
}
export type Scale = 1 | 2 | 4 | 8;

function gpr(number: number): Gpr {
  return { kind: 'gpr', number };
}

export const rax = gpr(0);
export const rcx = gpr(1);
export const rdx = gpr(2);
export const rbx = gpr(3);
export const rsp = gpr(4);
export const rbp = gpr(5);
export const rsi = gpr(6);
export const rdi = gpr(7);
export const r8 = gpr(8);
export const r9 = gpr(9);
export const r10 = gpr(10);
export const r11 = gpr(11);
export const r12 = gpr(12);
export const r13 = gpr(13);
export const r14 = gpr(14);
export const r15 = gpr(15);

export function vector(number: number, bytes: VectorBytes): Vector {
  return { kind: 'vector', number, bytes };
}

export function xmm(number: number): Vector {
  return vector(number, 16);
}

export function ymm(number: number): Vector {
  return vector(number, 32);
}

export function zmm(number: number): Vector {
  return vector(number, 64);
}

export function mask(number: number): Mask {
  return { kind: 'mask', number };
}

/** The memory at a base register and a displacement. */
export function at(base: Gpr, displacement = 0): Memory {
  return { kind: 'memory', base, index: null, scale: 1, displacement };
}

/** The memory at base + index·scale + displacement; rsp cannot be an index. */
export function indexed(base: Gpr, index: Gpr, scale: Scale, displacement = 0): Memory {
  if (index.number === rsp.number) throw new Error('rsp cannot be an index');
  return { kind: 'memory', base, index, scale, displacement };
}
