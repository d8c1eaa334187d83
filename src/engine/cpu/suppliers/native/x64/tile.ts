/**
 * The inner loop of products: a tile of C stays in registers while k runs over a packed panel of A and one of B. Each
 * element is one chain of fused multiply-adds in rising k, whatever the registers' width, so that every vector set of an
 * element type gives the same bits.
 */
import type { Assembler } from './assembler.js';
import { Label } from './code.js';
import { at, indexed, type Memory, r8, r9, r10, r11, rax, rcx, rdi, rdx, rsi, type Vector } from './operands.js';
import { registerOf, tileColumns, type VectorSet, vectorsPerRow } from './vector-set.js';

/** What a tile does besides multiplying, in r9. */
export const tileFlags = {
  /** Sums go on from what C holds instead of 0. */
  load: 1,
  /** Sums start from the bias, or from C and the bias added to it. */
  bias: 2,
  /** Not all columns exist. */
  part: 4,
} as const;

/** Steps between two jumps of the inner loop. */
const unrolled = 4;

/**
 * A subroutine that computes C (rows, columns of the set).
 *
 * Takes rdi panel of A, rsi panel of B, rcx steps (may be 0), rdx C, r8 bytes from a row of C to the next, r9 flags, r10
 * bias of these columns, r11 the set's selection of columns. Changes rax, rcx, rdx, rsi, rdi, flags and vector registers.
 */
export function emitTile(asm: Assembler, set: VectorSet, rows: number, ahead: Memory): void {
  const register = (number: number) => registerOf(set, number);
  const sum = (r: number, v: number) => register(r * vectorsPerRow + v);
  const firstFree = rows * vectorsPerRow;
  const b = Array.from({ length: vectorsPerRow }, (_, v) => register(firstFree + v));
  const copies = Array.from({ length: Math.min(4, set.registers - firstFree - vectorsPerRow) }, (_, i) =>
    register(firstFree + vectorsPerRow + i),
  );
  const spare = copies[0]!;

  /** For each row, with its vectors; rax runs along the rows of C. */
  const eachRow = (emit: (vectors: readonly Vector[]) => void) => {
    asm.mov(rax, rdx);
    for (let r = 0; r < rows; r++) {
      emit(b.map((_, v) => sum(r, v)));
      if (r < rows - 1) asm.add(rax, r8);
    }
  };
  const step = (k: number) => {
    for (const [v, vector] of b.entries()) asm.vmovups(vector, at(rsi, k * tileColumns(set) * 4 + v * set.bytes));
    for (let r = 0; r < rows; r++) {
      const copy = copies[r % copies.length]!;
      asm.vbroadcastss(copy, at(rdi, (k * set.packedRows + r) * 4));
      for (const [v, vector] of b.entries()) set.multiplyAdd(asm, sum(r, v), copy, vector);
    }
  };
  const advance = (steps: number) => {
    asm.add(rdi, steps * set.packedRows * 4);
    asm.add(rsi, steps * tileColumns(set) * 4);
  };

  const [fromC, fromBias, start, loop, rest, restLoop, end] = Array.from({ length: 7 }, () => new Label()) as [
    ...[Label, Label, Label, Label, Label, Label, Label],
  ];
  asm.test(r9, tileFlags.load);
  asm.j('ne', fromC);
  asm.test(r9, tileFlags.bias);
  asm.j('ne', fromBias);
  for (let i = 0; i < rows * vectorsPerRow; i++) set.zero(asm, register(i));
  asm.jmp(start);

  asm.bind(fromBias);
  emitForParts(asm, set, (part) => {
    for (let r = 0; r < rows; r++) {
      for (const v of b.keys()) set.load(asm, sum(r, v), at(r10, v * set.bytes), v, part, r11, spare);
    }
  });
  asm.jmp(start);

  asm.bind(fromC);
  emitForParts(asm, set, (part) => {
    eachRow((vectors) => {
      for (const [v, vector] of vectors.entries()) {
        set.load(asm, vector, at(rax, v * set.bytes), v, part, r11, spare);
      }
    });
  });
  asm.test(r9, tileFlags.bias);
  asm.j('e', start);
  emitForParts(asm, set, (part) => {
    for (const [v, vector] of b.entries()) set.load(asm, vector, at(r10, v * set.bytes), v, part, r11, spare);
  });
  for (let r = 0; r < rows; r++) {
    for (const [v, vector] of b.entries()) asm.vaddps(sum(r, v), sum(r, v), vector);
  }

  asm.bind(start);
  // The next tile, below this one, finds its part of C in the first cache.
  asm.lea(rax, indexed(rdx, r8, 1));
  for (let r = 1; r < rows; r++) asm.add(rax, r8);
  for (let r = 0; r < rows; r++) {
    asm.prefetch('w', at(rax));
    asm.prefetch('w', at(rax, 60));
    asm.add(rax, r8);
  }
  asm.mov(rax, ahead);
  asm.sub(rcx, unrolled);
  asm.j('l', rest);
  asm.align(32);
  asm.bind(loop);
  for (let line = 0; line < tileColumns(set) * 4; line += 64) asm.prefetch('t1', at(rax, line));
  for (let k = 0; k < unrolled; k++) step(k);
  advance(unrolled);
  asm.add(rax, tileColumns(set) * 4);
  asm.sub(rcx, unrolled);
  asm.j('ge', loop);
  asm.bind(rest);
  asm.add(rcx, unrolled);
  asm.j('e', end);
  asm.bind(restLoop);
  step(0);
  advance(1);
  asm.sub(rcx, 1);
  asm.j('ne', restLoop);

  asm.bind(end);
  asm.mov(ahead, rax);
  emitForParts(asm, set, (part) => {
    eachRow((vectors) => {
      for (const [v, vector] of vectors.entries()) {
        set.store(asm, at(rax, v * set.bytes), vector, v, part, r11, spare);
      }
    });
  });
  asm.ret();
}

/** Code for tiles whose columns all exist and, where the set has them apart, for others. */
function emitForParts(asm: Assembler, set: VectorSet, emit: (part: boolean) => void): void {
  if (!set.partsApart) {
    emit(true);
    return;
  }
  const [part, done] = [new Label(), new Label()];
  asm.test(r9, tileFlags.part);
  asm.j('ne', part);
  emit(false);
  asm.jmp(done);
  asm.bind(part);
  emit(true);
  asm.bind(done);
}
