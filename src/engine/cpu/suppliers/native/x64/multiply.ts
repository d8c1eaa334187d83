/**
 * The function that multiplies: loops over blocks of K, then of M, then of N, packing what is not packed, down to tiles.
 *
 * Every block of A is packed once. A block of B that was not prepared is packed for each block of rows, just before the
 * tiles read it, and so never leaves the second cache.
 */
import { multiplyParameters, productFlags } from '../product-code.js';
import type { Assembler } from './assembler.js';
import { Label } from './code.js';
import { Frame } from './frame.js';
import {
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
} from './operands.js';
import { emitStepsOf, tableOnes } from './packing.js';
import { emitTileRows } from './panels.js';
import { tileFlags } from './tile.js';
import { elementsPerWord, tileColumns, type VectorSet } from './vector-set.js';

const variables = [
  // Bytes from a stored row to the next.
  ...(['strideA', 'strideB'] as const),
  // The block at hand: where it starts in K, M and N, and its sizes.
  ...(['p', 'i', 'j', 'depth', 'rows', 'columns'] as const),
  // The 32-bit words of each row or column that its depth takes: as many, or half as many, rounded up.
  'steps',
  // Packed blocks, and bytes from a panel of B to the next.
  ...(['blockA', 'blockB', 'panelBytes'] as const),
  // The panel at hand: its part of C, the columns from it on, and what is to be fetched for the next one.
  ...(['columnC', 'restColumns', 'ahead'] as const),
] as const;

/** Where in memory the loops keep their state. */
type Places = Readonly<Record<(typeof multiplyParameters)[number] | (typeof variables)[number], Memory>>;

/** What the loops call. */
export interface Subroutines {
  readonly packA: Label;
  readonly packB: Label;
  readonly tile: Label;
  /** The table of ones and zeros. */
  readonly table: Label;
}

/** @returns where the tiles find the address of what is needed after the panel of B at hand */
export function emitMultiply(asm: Assembler, set: VectorSet, subroutines: Subroutines): Memory {
  const frame = new Frame(asm, multiplyParameters.length, variables.length);
  const places = Object.fromEntries([
    ...multiplyParameters.map((name, i) => [name, frame.parameters[i]!] as const),
    ...variables.map((name) => [name, frame.variable()] as const),
  ]) as unknown as Places;
  new MultiplyGenerator(asm, set, subroutines, places).emit();
  frame.leave();
  return places.ahead;
}

class MultiplyGenerator {
  private readonly panelColumns: number;
  private readonly elementShift: number;

  constructor(
    private readonly asm: Assembler,
    private readonly set: VectorSet,
    private readonly subroutines: Subroutines,
    private readonly at: Places,
  ) {
    this.panelColumns = tileColumns(set);
    this.elementShift = Math.log2(set.packing.elementBytes);
  }

  emit(): void {
    const { asm, at } = this;
    const done = new Label();
    for (const size of [at.M, at.N]) {
      asm.cmp(size, 0);
      asm.j('le', done);
    }
    this.emitStride(at.strideA, productFlags.transposeA, at.M, at.K);
    this.emitStride(at.strideB, productFlags.transposeB, at.K, at.N);
    this.emitScratch();
    this.emitBlocks(at.p, at.K, at.blockDepth, at.depth, () => {
      this.emitSteps(at.depth);
      asm.mov(at.steps, rax);
      this.emitBlocks(at.i, at.M, at.blockRows, at.rows, () => {
        this.emitBlockOfA();
        this.emitBlocks(at.j, at.N, at.blockColumns, at.columns, () => {
          this.emitBlockOfB();
          this.emitPanels();
        });
      });
    });
    asm.bind(done);
  }

  /** Bytes from one stored row to the next: those of `transposed` elements if the flag is set, else of `plain`. */
  private emitStride(to: Memory, flag: number, transposed: Memory, plain: Memory): void {
    const { asm, at } = this;
    asm.mov(rax, plain);
    asm.test(at.flags, flag);
    asm.cmov('ne', rax, transposed);
    asm.shl(rax, this.elementShift);
    asm.mov(to, rax);
  }

  /** In rax, the steps that a depth takes. */
  private emitSteps(depth: Memory): void {
    this.asm.mov(rax, depth);
    emitStepsOf(this.asm, rax, elementsPerWord(this.set));
  }

  /** The block of A lies behind that of B, where B has one. */
  private emitScratch(): void {
    const { asm, at } = this;
    const prepared = new Label();
    asm.mov(rcx, at.scratch);
    asm.test(at.flags, productFlags.prepared);
    asm.j('ne', prepared);
    asm.mov(rax, at.blockColumns);
    asm.imul(rax, at.blockDepth);
    asm.shl(rax, this.elementShift);
    asm.add(rcx, rax);
    asm.bind(prepared);
    asm.mov(at.blockA, rcx);
  }

  /**
   * A loop over blocks of `total`: `from` is where a block starts and `size` its size. Once even if `total` is 0.
   */
  private emitBlocks(from: Memory, total: Memory, most: Memory, size: Memory, emit: () => void): void {
    const { asm } = this;
    const next = new Label();
    asm.mov(from, 0);
    asm.bind(next);
    asm.mov(rax, total);
    asm.sub(rax, from);
    asm.cmp(rax, most);
    asm.cmov('g', rax, most);
    asm.mov(size, rax);
    emit();
    asm.mov(rax, from);
    asm.add(rax, size);
    asm.mov(from, rax);
    asm.cmp(rax, total);
    asm.j('l', next);
  }

  /** Adds to a pointer the bytes up to element (outer, inner), or (inner, outer) of what is stored transposed. */
  private emitElement(pointer: Gpr, transposeFlag: number, stride: Memory, outer: Memory, inner: Memory): void {
    const { asm, at } = this;
    asm.mov(rax, outer);
    asm.mov(rcx, inner);
    asm.test(at.flags, transposeFlag);
    asm.cmov('ne', rax, inner);
    asm.cmov('ne', rcx, outer);
    asm.imul(rax, stride);
    asm.add(pointer, rax);
    asm.shl(rcx, this.elementShift);
    asm.add(pointer, rcx);
  }

  private emitBlockOfA(): void {
    const { asm, at } = this;
    asm.mov(rdi, at.a);
    this.emitElement(rdi, productFlags.transposeA, at.strideA, at.i, at.p);
    asm.mov(rsi, at.strideA);
    asm.mov(rdx, at.blockA);
    asm.mov(rcx, at.depth);
    asm.imul(r11, at.steps, this.set.packedRows * 4);
    asm.mov(r8, at.rows);
    asm.mov(r10, at.flags);
    asm.and(r10, productFlags.transposeA);
    asm.call(this.subroutines.packA);
  }

  /** Packs a block of B, or finds it in what was prepared. */
  private emitBlockOfB(): void {
    const { asm, at, panelColumns } = this;
    const [pack, done] = [new Label(), new Label()];
    asm.test(at.flags, productFlags.prepared);
    asm.j('e', pack);
    // Panels of the whole depth, one behind the other.
    this.emitSteps(at.K);
    asm.imul(rcx, rax, panelColumns * 4);
    asm.mov(at.panelBytes, rcx);
    asm.imul(rax, at.j);
    asm.shl(rax, 2);
    asm.imul(rcx, at.p, panelColumns * this.set.packing.elementBytes);
    asm.add(rax, rcx);
    asm.add(rax, at.b);
    asm.mov(at.blockB, rax);
    asm.jmp(done);

    asm.bind(pack);
    asm.mov(rdi, at.b);
    this.emitElement(rdi, productFlags.transposeB, at.strideB, at.p, at.j);
    asm.mov(rsi, at.strideB);
    asm.mov(rdx, at.scratch);
    asm.mov(at.blockB, rdx);
    asm.mov(rcx, at.depth);
    asm.imul(r11, at.steps, panelColumns * 4);
    asm.mov(at.panelBytes, r11);
    asm.mov(r8, at.columns);
    asm.mov(r10, at.flags);
    asm.and(r10, productFlags.transposeB);
    asm.call(this.subroutines.packB);
    asm.bind(done);
  }

  /** The block of A with each panel of the block of B. */
  private emitPanels(): void {
    const { asm, at, panelColumns } = this;
    const next = new Label();
    // What runs along the columns: r12 panels of B, columnC and r10 the parts of C and of the bias.
    asm.mov(r12, at.blockB);
    asm.mov(r8, at.N);
    asm.shl(r8, 2);
    asm.mov(r10, at.j);
    asm.shl(r10, 2);
    asm.mov(rax, at.i);
    asm.imul(rax, r8);
    asm.add(rax, r10);
    asm.add(rax, at.c);
    asm.mov(at.columnC, rax);
    asm.add(r10, at.bias);
    asm.mov(rax, at.columns);
    asm.mov(at.restColumns, rax);
    asm.bind(next);
    this.emitFlags();
    this.emitRowsOfTiles();
    asm.add(r12, at.panelBytes);
    asm.add(at.columnC, panelColumns * 4);
    asm.add(r10, panelColumns * 4);
    asm.sub(at.restColumns, panelColumns);
    asm.j('g', next);
  }

  /** r9 and r11 as the tiles of the next panel want them. */
  private emitFlags(): void {
    const { asm, at, panelColumns } = this;
    const [load, fromZero, noBias, whole] = Array.from({ length: 4 }, () => new Label()) as [
      ...[Label, Label, Label, Label],
    ];
    asm.mov(r9, 0);
    asm.test(at.flags, productFlags.accumulate);
    asm.j('ne', load);
    asm.cmp(at.p, 0);
    asm.j('e', fromZero);
    asm.bind(load);
    asm.or(r9, tileFlags.load);
    asm.bind(fromZero);
    asm.cmp(at.bias, 0);
    asm.j('e', noBias);
    asm.cmp(at.p, 0);
    asm.j('ne', noBias);
    asm.or(r9, tileFlags.bias);
    asm.bind(noBias);
    asm.mov(rdx, at.restColumns);
    asm.cmp(rdx, panelColumns);
    asm.j('ge', whole);
    asm.or(r9, tileFlags.part);
    asm.bind(whole);
    asm.lea(rax, this.subroutines.table);
    asm.add(rax, (tableOnes - panelColumns) * 4);
    this.set.selectColumns(asm, rdx, rax, r11);
  }

  /** All tiles of the block of A with the panel of B at r12. */
  private emitRowsOfTiles(): void {
    const { asm, at } = this;
    const next = new Label();
    asm.mov(rbx, at.blockA);
    asm.mov(r13, at.columnC);
    asm.mov(r14, at.rows);
    asm.mov(rax, r12);
    asm.add(rax, at.panelBytes);
    asm.mov(at.ahead, rax);
    asm.bind(next);
    emitTileRows(asm, this.set, r15, r14);
    asm.mov(rdi, rbx);
    asm.mov(rsi, r12);
    asm.mov(rdx, r13);
    asm.mov(rcx, at.steps);
    asm.call(this.subroutines.tile);
    asm.mov(rax, r15);
    asm.imul(rax, r8);
    asm.add(r13, rax);
    asm.imul(rax, at.steps, this.set.packedRows * 4);
    asm.add(rbx, rax);
    asm.sub(r14, r15);
    asm.j('g', next);
  }
}
