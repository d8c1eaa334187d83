/**
 * Packing of bfloat16: a 32-bit word of a panel holds two neighbours in k, the earlier one in the upper half, which is
 * multiplied first. The last of an odd depth has a zero below it. See packing.ts for what the subroutines take; of
 * registers they change zmm0 to zmm15 and the masks k3 and k4.
 */
import type { Assembler } from './assembler.js';
import { Label } from './code.js';
import type { Masking } from './encoding.js';
import { at, indexed, type Memory, mask, r8, r10, r11, rax, rcx, rdi, rdx, rsi, type Vector, zmm } from './operands.js';
import { emitTransposeWith, type Packing, type TransposedElements } from './packing.js';

/** Pairs in a vector. */
const lanes = 16;
/** The bytes of a stored row that become a vector of pairs. */
const rowBytes = lanes * 2;
const half = 16;

/** Gives, in zmm `number`, what is stored at `first`, and below it what is at `second`, the same place a row on. */
function emitPair(asm: Assembler, number: number, first: Memory, second: Memory | null, masking: Masking): Vector {
  const [upper, lower] = [zmm(number), zmm(number + 1)];
  asm.vpmovzxwd(upper, first, masking);
  asm.vpslld(upper, upper, half);
  if (second) {
    asm.vpmovzxwd(lower, second, masking);
    asm.vpord(upper, upper, lower);
  }
  return upper;
}

/** Two rows of the rcx that are left at a time, then one if that is left; `emit` advances rdi, by two rows at least. */
function emitEachPair(asm: Assembler, emit: (isWhole: boolean) => void): void {
  const [loop, rest, done] = [new Label(), new Label(), new Label()];
  asm.sub(rcx, 2);
  asm.j('l', rest);
  asm.align(16);
  asm.bind(loop);
  emit(true);
  asm.sub(rcx, 2);
  asm.j('ge', loop);
  asm.bind(rest);
  asm.add(rcx, 2);
  asm.j('e', done);
  emit(false);
  asm.bind(done);
}

/** The places of neighbouring vectors in two rows, rsi bytes apart. */
function rowsAt(v: number, isWhole: boolean): [Memory, Memory | null] {
  return [at(rdi, v * rowBytes), isWhole ? indexed(rdi, rsi, 1, v * rowBytes) : null];
}

function emitCopy(asm: Assembler, width: number, maskings: readonly Masking[]): void {
  emitEachPair(asm, (isWhole) => {
    for (const [v, masking] of maskings.entries()) {
      const pairs = emitPair(asm, 2 * v, ...rowsAt(v, isWhole), masking);
      asm.vmovups(at(rdx, v * 64), pairs);
    }
    asm.lea(rdi, indexed(rdi, rsi, 2));
    asm.add(rdx, width * 4);
  });
  asm.ret();
}

function emitCopyWhole(asm: Assembler, width: number): void {
  emitCopy(
    asm,
    width,
    Array.from({ length: width / lanes }, () => ({})),
  );
}

function emitCopyPart(asm: Assembler, width: number): void {
  asm.mov(r10, rcx);
  asm.mov(rcx, r8);
  asm.mov(rax, 1);
  asm.shl(rax, 'cl');
  asm.sub(rax, 1);
  const maskings = Array.from({ length: Math.ceil(width / lanes) }, (_, v) => ({ mask: mask(3 + v), zeroing: true }));
  for (const [v, masking] of maskings.entries()) {
    if (v > 0) asm.shr(rax, lanes);
    asm.kmovw(masking.mask, rax);
  }
  asm.mov(rcx, r10);
  emitCopy(asm, width, maskings);
}

function emitCopyFour(asm: Assembler, width: number): void {
  const perPanel = width / lanes;
  asm.lea(r10, indexed(r8, r8, 2));
  asm.lea(r11, indexed(rdi, rsi, 8));
  const panels = [at(rdx), indexed(rdx, r8, 1), indexed(rdx, r8, 2), indexed(rdx, r10, 1)];
  emitEachPair(asm, (isWhole) => {
    for (const [p, panel] of panels.entries()) {
      for (let v = 0; v < perPanel; v++) {
        const pairs = emitPair(asm, 2 * (p * perPanel + v), ...rowsAt(p * perPanel + v, isWhole), {});
        asm.vmovups({ ...panel, displacement: v * 64 }, pairs);
      }
    }
    // Rows are too far apart for the processor to foresee the next ones.
    for (let line = 0; line < panels.length * width * 2; line += 64) {
      asm.prefetch('t0', at(r11, line));
      asm.prefetch('t0', indexed(r11, rsi, 1, line));
    }
    asm.lea(r11, indexed(r11, rsi, 2));
    asm.lea(rdi, indexed(rdi, rsi, 2));
    asm.add(rdx, width * 4);
  });
  asm.ret();
}

const transposed: TransposedElements = {
  perWord: 2,
  load: (asm, to, from) => asm.vprold(to, from, half),
  selectRest(asm) {
    asm.mov(r8, 1);
    asm.shl(r8, 'cl');
    asm.sub(r8, 1);
    asm.kmovw(mask(3), r8);
  },
  loadRest(asm, to, from) {
    asm.vmovdqu16(to, from, { mask: mask(3), zeroing: true });
    asm.vprold(to, to, half);
  },
};

export const pairPacking: Packing = {
  elementBytes: 2,
  copyWhole: emitCopyWhole,
  copyFour: emitCopyFour,
  copyPart: emitCopyPart,
  transpose: (asm, width) => emitTransposeWith(asm, width, transposed),
};
