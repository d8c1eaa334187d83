/**
 * What differs between AVX2 and AVX-512 in a tile of C: width and number of the registers, how many rows of C they
 * hold, and how a part of a vector is loaded and stored at the last columns.
 */
import type { Assembler } from './assembler.js';
import { at, type Gpr, type Memory, mask, rax, rcx, type Vector, type VectorBytes, vector } from './operands.js';

/** Vectors side by side in a row of a tile. */
export const vectorsPerRow = 2;

export interface VectorSet {
  readonly name: 'AVX2' | 'AVX-512';
  readonly bytes: VectorBytes;
  readonly registers: number;
  /** Most rows of a tile of C. */
  readonly tileRows: number;
  /** Floats from one k to the next in a packed panel of A, at least the rows of a tile. */
  readonly packedRows: number;
  /** Whether a tile that reaches over the last column needs code of its own. */
  readonly partsApart: boolean;
  /**
   * Says which of the columns of a tile exist, before the tiles of a panel.
   *
   * @param columns at least 1, and the tile's columns or more where all exist; may be overwritten, as may rax
   * @param ones address of at least as many words of all ones as a tile has columns, and then as many zeros
   * @param which what the other functions are given as `which`
   */
  selectColumns(asm: Assembler, columns: Gpr, ones: Gpr, which: Gpr): void;
  zero(asm: Assembler, to: Vector): void;
  /** Loads or stores vector v of a row, or what exists of it if `part`; `spare` may be overwritten. */
  load(asm: Assembler, to: Vector, from: Memory, v: number, part: boolean, which: Gpr, spare: Vector): void;
  store(asm: Assembler, to: Memory, from: Vector, v: number, part: boolean, which: Gpr, spare: Vector): void;
}

/** Columns of a tile of C, and of a packed panel of B. */
export function tileColumns({ bytes }: VectorSet): number {
  return (vectorsPerRow * bytes) / 4;
}

export const avx2: VectorSet = {
  name: 'AVX2',
  bytes: 32,
  registers: 16,
  tileRows: 6,
  packedRows: 6,
  partsApart: true,
  selectColumns(asm, columns, ones, which) {
    // The words from here on: ones for the columns that exist, then zeros.
    asm.mov(which, ones);
    asm.add(which, tileColumns(avx2) * 4);
    asm.shl(columns, 2);
    asm.sub(which, columns);
  },
  zero: (asm, to) => asm.vxorps(to, to, to),
  load(asm, to, from, v, part, which, spare) {
    if (!part) return asm.vmovups(to, from);
    asm.vmovups(spare, at(which, v * 32));
    asm.vmaskmovps(to, spare, from);
  },
  store(asm, to, from, v, part, which, spare) {
    if (!part) return asm.vmovups(to, from);
    asm.vmovups(spare, at(which, v * 32));
    asm.vmaskmovps(to, spare, from);
  },
};

/** Masks k1 and k2 say which columns exist. */
export const avx512: VectorSet = {
  name: 'AVX-512',
  bytes: 64,
  registers: 32,
  tileRows: 13,
  packedRows: 16,
  partsApart: false,
  selectColumns(asm, columns) {
    const most = tileColumns(avx512);
    asm.mov(rax, most);
    asm.cmp(columns, rax);
    asm.cmov('l', rax, columns);
    asm.mov(rcx, rax);
    asm.mov(rax, 1);
    asm.shl(rax, 'cl');
    asm.sub(rax, 1);
    asm.kmovw(mask(1), rax);
    asm.shr(rax, 16);
    asm.kmovw(mask(2), rax);
  },
  zero: (asm, to) => asm.vpxord(to, to, to),
  load: (asm, to, from, v) => asm.vmovups(to, from, { mask: mask(1 + v), zeroing: true }),
  store: (asm, to, from, v) => asm.vmovups(to, from, { mask: mask(1 + v) }),
};

/** Register `number` of the set's width. */
export function registerOf({ bytes }: VectorSet, number: number): Vector {
  return vector(number, bytes);
}
