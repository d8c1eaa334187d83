/**
 * What differs between AVX2 and AVX-512 in a tile of C: width and number of the registers, how many rows of C they
 * hold, how a part of a vector is loaded and stored at the last columns, and of what type the elements are that are
 * multiplied.
 */
import type { Assembler } from './assembler.js';
import { at, type Gpr, type Memory, mask, rax, rcx, type Vector, type VectorBytes, vector } from './operands.js';
import { floatPacking, type Packing } from './packing.js';
import { pairPacking } from './packing-pairs.js';

/** Vectors side by side in a row of a tile. */
export const vectorsPerRow = 2;

export interface VectorSet {
  readonly name: 'AVX2' | 'AVX-512' | 'AVX512-BF16';
  readonly bytes: VectorBytes;
  readonly registers: number;
  /** Most rows of a tile of C. */
  readonly tileRows: number;
  /** 32-bit words from one step to the next in a packed panel of A, at least the rows of a tile. */
  readonly packedRows: number;
  /**
   * Steps of a block. Deeper ones read and write C less often; shallower ones keep a panel of B in the first cache, which
   * a tile of few rows needs, since it reads the panel the more often.
   */
  readonly mostSteps: number;
  readonly packing: Packing;
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
  /** to += left·right of the elements in each word, in their order, each sum rounded. */
  multiplyAdd(asm: Assembler, to: Vector, left: Vector, right: Vector): void;
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
  mostSteps: 288,
  packing: floatPacking,
  partsApart: true,
  selectColumns(asm, columns, ones, which) {
    // The words from here on: ones for the columns that exist, then zeros.
    asm.mov(which, ones);
    asm.add(which, tileColumns(avx2) * 4);
    asm.shl(columns, 2);
    asm.sub(which, columns);
  },
  zero: (asm, to) => asm.vxorps(to, to, to),
  multiplyAdd: (asm, to, left, right) => asm.vfmadd231ps(to, left, right),
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
  packedRows: 13,
  mostSteps: 512,
  packing: floatPacking,
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
  multiplyAdd: (asm, to, left, right) => asm.vfmadd231ps(to, left, right),
  load: (asm, to, from, v) => asm.vmovups(to, from, { mask: mask(1 + v), zeroing: true }),
  store: (asm, to, from, v) => asm.vmovups(to, from, { mask: mask(1 + v) }),
};

/** Operands in bfloat16, C and the sums in float32. */
export const avx512Bf16: VectorSet = {
  ...avx512,
  name: 'AVX512-BF16',
  packing: pairPacking,
  multiplyAdd: (asm, to, left, right) => asm.vdpbf16ps(to, left, right),
};

/** Elements of A or B in a 32-bit word of a packed panel, one of each row or column and each step. */
export function elementsPerWord({ packing }: VectorSet): 1 | 2 {
  return packing.elementBytes === 2 ? 2 : 1;
}

/** Register `number` of the set's width. */
export function registerOf({ bytes }: VectorSet, number: number): Vector {
  return vector(number, bytes);
}
