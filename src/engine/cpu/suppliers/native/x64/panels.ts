/** Subroutines that pack a block of A or B panel by panel. */
import type { Assembler } from './assembler.js';
import { Label } from './code.js';
import {
  at,
  type Gpr,
  type Memory,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from './operands.js';
import { tileColumns, type VectorSet } from './vector-set.js';

/** Arguments that a subroutine keeps on the stack. */
const kept = { panelBytes: at(rsp), depth: at(rsp, 8), transposed: at(rsp, 16) } as const;

/** Rows of the next tile of `rest`: all that fit, but the last two tiles share what is left evenly. */
export function emitTileRows(asm: Assembler, set: VectorSet, rows: Gpr, rest: Gpr): void {
  const done = new Label();
  asm.mov(rows, rest);
  asm.cmp(rest, set.tileRows);
  asm.j('le', done);
  asm.add(rows, 1);
  asm.shr(rows, 1);
  asm.cmp(rest, 2 * set.tileRows);
  asm.j('l', done);
  asm.mov(rows, set.tileRows);
  asm.bind(done);
}

/**
 * Packs rdi, rows rsi bytes apart, to rdx in panels of the tiles' rows: rcx depth, r8 rows of A, panels r11 bytes long; r10 is not 0 if A is
 * stored (K,M). Keeps rbx, rbp and r12 to r15.
 *
 * @param table of ones and zeros, as packing.ts needs it
 */
export function emitPanelsOfA(asm: Assembler, set: VectorSet, table: Label): void {
  const width = set.packedRows;
  const { elementBytes } = set.packing;
  const [copyPart, transpose] = [new Label(), new Label()];
  const [next, stored, advance] = [new Label(), new Label(), new Label()];
  emitKeepArguments(asm);
  asm.bind(next);
  emitTileRows(asm, set, rbx, r15);
  asm.cmp(kept.transposed, 0);
  asm.j('e', stored);
  emitPackingArguments(asm, table, rbx);
  asm.call(copyPart);
  asm.mov(rax, rbx);
  asm.shl(rax, Math.log2(elementBytes));
  asm.jmp(advance);
  asm.bind(stored);
  // Eight words at a time: what falls behind the rows of a step belongs to the first ones of the next, written later.
  for (let first = 8 * Math.floor((set.tileRows - 1) / 8); first >= 0; first -= 8) {
    const enough = new Label();
    asm.mov(rax, rbx);
    asm.sub(rax, first);
    asm.j('le', enough);
    emitPackingArguments(asm, table, rax);
    emitAtMost8(asm, first, first + 8 >= set.tileRows);
    asm.call(transpose);
    asm.bind(enough);
  }
  asm.mov(rax, rbx);
  asm.imul(rax, r13);
  asm.bind(advance);
  asm.add(r12, rax);
  asm.add(r14, kept.panelBytes);
  asm.sub(r15, rbx);
  asm.j('g', next);
  emitDropArguments(asm);
  asm.align(16);
  asm.bind(copyPart);
  set.packing.copyPart(asm, width);
  asm.align(16);
  asm.bind(transpose);
  set.packing.transpose(asm, width);
}

/** As `emitPanelsOfA`: r8 columns of B in panels r11 bytes apart; r10 is not 0 if B is stored (N,K). */
export function emitPanelsOfB(asm: Assembler, set: VectorSet, table: Label): void {
  const width = tileColumns(set);
  const { elementBytes } = set.packing;
  const [copyFour, copyWhole, copyPart, transpose] = Array.from({ length: 4 }, () => new Label()) as [
    ...[Label, Label, Label, Label],
  ];
  const [next, stored, one, part, advance, done] = Array.from({ length: 6 }, () => new Label()) as [
    ...[Label, Label, Label, Label, Label, Label],
  ];
  emitKeepArguments(asm);
  asm.bind(next);
  asm.cmp(kept.transposed, 0);
  asm.j('ne', stored);
  asm.cmp(r15, 4 * width);
  asm.j('l', one);
  emitPackingArguments(asm, table, kept.panelBytes);
  asm.call(copyFour);
  asm.add(r12, 4 * width * elementBytes);
  asm.mov(rax, kept.panelBytes);
  asm.shl(rax, 2);
  asm.add(r14, rax);
  asm.sub(r15, 4 * width);
  asm.j('g', next);
  asm.jmp(done);
  asm.bind(one);
  emitPackingArguments(asm, table, r15);
  asm.cmp(r15, width);
  asm.j('l', part);
  asm.call(copyWhole);
  asm.mov(rax, width * elementBytes);
  asm.jmp(advance);
  asm.bind(part);
  asm.call(copyPart);
  asm.jmp(done);
  asm.bind(stored);
  for (let first = 0; first < width; first += 8) {
    asm.mov(rax, r15);
    asm.sub(rax, first);
    asm.mov(rcx, 0);
    asm.cmov('l', rax, rcx);
    emitPackingArguments(asm, table, rax);
    emitAtMost8(asm, first, false);
    asm.call(transpose);
  }
  asm.imul(rax, r13, width);
  asm.bind(advance);
  asm.add(r12, rax);
  asm.add(r14, kept.panelBytes);
  asm.sub(r15, width);
  asm.j('g', next);
  asm.bind(done);
  emitDropArguments(asm);
  for (const [name, label] of Object.entries({ copyFour, copyWhole, copyPart, transpose })) {
    asm.align(16);
    asm.bind(label);
    set.packing[name as 'copyFour' | 'copyWhole' | 'copyPart' | 'transpose'](asm, width);
  }
}

/** Source, stride, panel and count into r12 to r15, the rest onto the stack. */
function emitKeepArguments(asm: Assembler): void {
  for (const register of [rbx, r12, r13, r14, r15, r10, rcx, r11]) asm.push(register);
  asm.mov(r12, rdi);
  asm.mov(r13, rsi);
  asm.mov(r14, rdx);
  asm.mov(r15, r8);
}

function emitDropArguments(asm: Assembler): void {
  for (const register of [r11, rcx, r10, r15, r14, r13, r12, rbx]) asm.pop(register);
  asm.ret();
}

/** The arguments of a subroutine of packing.ts, r8 among them; keeps rax. */
function emitPackingArguments(asm: Assembler, table: Label, count: Gpr | Memory): void {
  asm.mov(r8, count);
  asm.mov(rdi, r12);
  asm.mov(rsi, r13);
  asm.mov(rdx, r14);
  asm.mov(rcx, kept.depth);
  asm.lea(r9, table);
}

/** From row `first` on, r8 rows but no more than a transposition takes. */
function emitAtMost8(asm: Assembler, first: number, isLast: boolean): void {
  if (first > 0) {
    asm.imul(rax, rsi, first);
    asm.add(rdi, rax);
    asm.add(rdx, first * 4);
  }
  if (isLast) return;
  asm.mov(rax, 8);
  asm.cmp(r8, rax);
  asm.cmov('g', r8, rax);
}
