/**
 * Packing: the elements of A and B in the order in which tiles read them. A panel holds, for each step, a 32-bit word of
 * each of its rows of A or columns of B, `width` words from one step to the next. A word is a float, so that steps are
 * those of k, or two numbers of bfloat16 (packing-pairs.ts).
 *
 * The subroutines take rdi the first element, rsi bytes from a stored row to the next, rdx the panel, rcx depth (may be
 * 0), r8 how many rows or columns exist, for `copyFour` bytes from a panel to the next; r9 is the table of ones and zeros. They change rax, rcx, rdx, rsi, rdi, r8, r10,
 * r11, flags and ymm0 to ymm15,
 * and read and write no byte that does not exist, but for up to 7 words behind a panel whose
 * width is no multiple of 8.
 */
import type { Assembler } from './assembler.js';
import { Label } from './code.js';
import {
  at,
  type Gpr,
  indexed,
  type Memory,
  r8,
  r9,
  r10,
  r11,
  rax,
  rcx,
  rdi,
  rdx,
  rsi,
  type Vector,
  ymm,
} from './operands.js';

/** The subroutines that pack elements of one type into panels of a width. */
export interface Packing {
  /** Of an element of a stored matrix. */
  readonly elementBytes: 2 | 4;
  /** Rows k of a stored matrix, a whole panel wide: each is copied. */
  copyWhole(asm: Assembler, width: number): void;
  /** As `copyWhole`, four panels side by side: each visit to a row then reads whole cache lines. */
  copyFour(asm: Assembler, width: number): void;
  /** As `copyWhole` of the first r8 columns, at least 1; absent ones are zero. */
  copyPart(asm: Assembler, width: number): void;
  /** r8 stored rows, 0 to 8, become the first of 8 neighbouring words of each step; absent rows are zero. */
  transpose(asm: Assembler, width: number): void;
}

/** How a transposition loads stored rows as 32-bit words. */
export interface TransposedElements {
  /** Elements in a word. */
  readonly perWord: 1 | 2;
  load(asm: Assembler, to: Vector, from: Memory): void;
  /** Says that rcx elements are left, fewer than a vector of them; may change r8, and ymm15. */
  selectRest(asm: Assembler): void;
  loadRest(asm: Assembler, to: Vector, from: Memory): void;
}

/** Floats of a ymm register; packing has no use for wider ones. */
const lanes = 8;

/** Ones in the table that `r9` points to, 32-bit words; as many zeros follow. */
export const tableOnes = 32;

function emitCopyWhole(asm: Assembler, width: number): void {
  const vectors = Array.from({ length: width / lanes }, (_, v) => ymm(v));
  emitEachK(asm, () => {
    for (const [v, vector] of vectors.entries()) asm.vmovups(vector, at(rdi, v * 32));
    for (const [v, vector] of vectors.entries()) asm.vmovups(at(rdx, v * 32), vector);
    asm.add(rdi, rsi);
    asm.add(rdx, width * 4);
  });
  asm.ret();
}

function emitCopyFour(asm: Assembler, width: number): void {
  const perPanel = width / lanes;
  asm.lea(r10, indexed(r8, r8, 2));
  asm.lea(r11, indexed(rdi, rsi, 8));
  const panels = [at(rdx), indexed(rdx, r8, 1), indexed(rdx, r8, 2), indexed(rdx, r10, 1)];
  emitEachK(asm, () => {
    for (const [p, panel] of panels.entries()) {
      for (let v = 0; v < perPanel; v++) {
        const vector = ymm(p * perPanel + v);
        asm.vmovups(vector, at(rdi, (p * perPanel + v) * 32));
        asm.vmovups({ ...panel, displacement: v * 32 }, vector);
      }
    }
    // Rows are too far apart for the processor to foresee the next ones.
    for (let line = 0; line < panels.length * width * 4; line += 64) asm.prefetch('t0', at(r11, line));
    asm.add(r11, rsi);
    asm.add(rdi, rsi);
    asm.add(rdx, width * 4);
  });
  asm.ret();
}

function emitCopyPart(asm: Assembler, width: number): void {
  const count = Math.ceil(width / lanes);
  const [value, which] = [(v: number) => ymm(v), (v: number) => ymm(count + v)];
  // Vector v has ones for columns 8v to 8v+7 that exist: they start r8 words before the zeros.
  asm.lea(rax, at(r9, tableOnes * 4));
  asm.shl(r8, 2);
  asm.sub(rax, r8);
  for (let v = 0; v < count; v++) asm.vmovups(which(v), at(rax, v * 32));
  emitEachK(asm, () => {
    for (let v = 0; v < count; v++) asm.vmaskmovps(value(v), which(v), at(rdi, v * 32));
    for (let v = 0; v < count; v++) asm.vmovups(at(rdx, v * 32), value(v));
    asm.add(rdi, rsi);
    asm.add(rdx, width * 4);
  });
  asm.ret();
}

function emitEachK(asm: Assembler, emit: () => void): void {
  const [loop, done] = [new Label(), new Label()];
  asm.test(rcx, rcx);
  asm.j('e', done);
  asm.align(16);
  asm.bind(loop);
  emit();
  asm.sub(rcx, 1);
  asm.j('ne', loop);
  asm.bind(done);
}

/** `Packing.transpose` of these elements. */
export function emitTransposeWith(asm: Assembler, width: number, elements: TransposedElements): void {
  const cases = Array.from({ length: lanes + 1 }, () => new Label());
  for (let rows = lanes; rows > 0; rows--) {
    asm.cmp(r8, rows);
    asm.j('e', cases[rows]!);
  }
  for (const [rows, label] of cases.entries()) {
    asm.bind(label);
    emitTransposeRows(asm, width, rows, elements);
  }
}

function emitTransposeRows(asm: Assembler, width: number, rows: number, elements: TransposedElements): void {
  const perVector = lanes * elements.perWord;
  const [loop, rest, done] = [new Label(), new Label(), new Label()];
  const [three, five, seven] = [r10, r11, rax];
  asm.lea(three, indexed(rsi, rsi, 2));
  asm.lea(five, indexed(rsi, rsi, 4));
  asm.lea(seven, indexed(three, rsi, 4));
  const places: readonly Memory[] = [
    at(rdi),
    indexed(rdi, rsi, 1),
    indexed(rdi, rsi, 2),
    indexed(rdi, three, 1),
    indexed(rdi, rsi, 4),
    indexed(rdi, five, 1),
    indexed(rdi, three, 2),
    indexed(rdi, seven, 1),
  ];
  const values = Array.from({ length: lanes }, (_, i) => ymm(i));
  const loadRows = (load: (to: Vector, from: Memory) => void) => {
    for (const [r, value] of values.entries()) {
      if (r < rows) load(value, places[r]!);
      else asm.vxorps(value, value, value);
    }
  };
  asm.sub(rcx, perVector);
  asm.j('l', rest);
  asm.align(16);
  asm.bind(loop);
  loadRows((to, from) => elements.load(asm, to, from));
  for (const [k, column] of emitTranspose8(asm).entries()) asm.vmovups(at(rdx, k * width * 4), column);
  asm.add(rdi, lanes * 4);
  asm.add(rdx, lanes * width * 4);
  asm.sub(rcx, perVector);
  asm.j('ge', loop);
  asm.bind(rest);
  asm.add(rcx, perVector);
  asm.j('e', done);
  elements.selectRest(asm);
  loadRows((to, from) => elements.loadRest(asm, to, from));
  emitStepsOf(asm, rcx, elements.perWord);
  for (const [k, column] of emitTranspose8(asm).entries()) {
    if (k > 0) {
      asm.cmp(rcx, k);
      asm.j('le', done);
    }
    asm.vmovups(at(rdx, k * width * 4), column);
  }
  asm.bind(done);
  asm.ret();
}

/** The transpose of ymm0 to ymm7, in ymm8 to ymm15, which are given back. */
function emitTranspose8(asm: Assembler): Vector[] {
  // Pairs of rows, element by element; then fours, two elements of each half; then the halves join.
  for (let pair = 0; pair < 4; pair++) {
    asm.vunpcklps(ymm(8 + 2 * pair), ymm(2 * pair), ymm(2 * pair + 1));
    asm.vunpckhps(ymm(9 + 2 * pair), ymm(2 * pair), ymm(2 * pair + 1));
  }
  for (const four of [0, 4]) {
    for (const [i, from] of [8, 9].entries()) {
      asm.vshufps(ymm(four + 2 * i), ymm(four + from), ymm(four + from + 2), 0x44);
      asm.vshufps(ymm(four + 2 * i + 1), ymm(four + from), ymm(four + from + 2), 0xee);
    }
  }
  for (let i = 0; i < 4; i++) {
    asm.vperm2f128(ymm(8 + i), ymm(i), ymm(4 + i), 0x20);
    asm.vperm2f128(ymm(12 + i), ymm(i), ymm(4 + i), 0x31);
  }
  return Array.from({ length: lanes }, (_, i) => ymm(8 + i));
}

/** Elements in a row or column of k become the steps that pack them, `perWord` of them a word. */
export function emitStepsOf(asm: Assembler, elements: Gpr, perWord: 1 | 2): void {
  if (perWord === 1) return;
  asm.add(elements, 1);
  asm.shr(elements, 1);
}

const transposedFloats: TransposedElements = {
  perWord: 1,
  load: (asm, to, from) => asm.vmovups(to, from),
  selectRest(asm) {
    asm.lea(r8, at(r9, tableOnes * 4));
    asm.shl(rcx, 2);
    asm.sub(r8, rcx);
    asm.vmovups(ymm(15), at(r8));
    asm.shr(rcx, 2);
  },
  loadRest: (asm, to, from) => asm.vmaskmovps(to, ymm(15), from),
};

export const floatPacking: Packing = {
  elementBytes: 4,
  copyWhole: emitCopyWhole,
  copyFour: emitCopyFour,
  copyPart: emitCopyPart,
  transpose: (asm, width) => emitTransposeWith(asm, width, transposedFloats),
};
