/** Generates the functions that multiply matrices and prepare weights for it, for one vector set. */
import { multiplyParameters, type ProductCode, prepareParameters } from '../product-code.js';
import { Assembler } from './assembler.js';
import { Label } from './code.js';
import { Frame } from './frame.js';
import { emitMultiply } from './multiply.js';
import { type Memory, r8, r10, r11, r15, rcx, rdi, rdx, rsi } from './operands.js';
import { emitStepsOf, tableOnes } from './packing.js';
import { emitPanelsOfA, emitPanelsOfB } from './panels.js';
import { emitTile } from './tile.js';
import { elementsPerWord, tileColumns, type VectorSet } from './vector-set.js';

export function generateProducts(set: VectorSet): ProductCode {
  const asm = new Assembler();
  const [packA, packB, tile, table] = [new Label(), new Label(), new Label(), new Label()];
  const multiply = { offset: asm.size, parameters: multiplyParameters.length };
  const ahead = emitMultiply(asm, set, { packA, packB, tile, table });
  asm.align(64);
  const prepare = { offset: asm.size, parameters: prepareParameters.length };
  emitPrepare(asm, set, packB);
  asm.bind(packA);
  emitPanelsOfA(asm, set, table);
  asm.bind(packB);
  emitPanelsOfB(asm, set, table);
  asm.bind(tile);
  emitTiles(asm, set, ahead);
  asm.align(64);
  asm.bind(table);
  for (let word = 0; word < 2 * tableOnes; word++) asm.emit32(word < tableOnes ? -1 : 0);
  return { code: asm.finish(), entries: { multiply, prepare } };
}

/** Jumps to the tile of r15 rows. */
function emitTiles(asm: Assembler, set: VectorSet, ahead: Memory): void {
  const tiles = Array.from({ length: set.tileRows }, () => new Label());
  for (let rows = set.tileRows; rows > 1; rows--) {
    asm.cmp(r15, rows);
    asm.j('e', tiles[rows - 1]!);
  }
  for (const [i, label] of tiles.entries()) {
    asm.bind(label);
    emitTile(asm, set, i + 1, ahead);
    asm.align(32);
  }
}

function emitPrepare(asm: Assembler, set: VectorSet, packB: Label): void {
  const frame = new Frame(asm, prepareParameters.length, 0);
  const [b, prepared, N, K, transposeB] = frame.parameters as [...[Memory, Memory, Memory, Memory, Memory]];
  const done = new Label();
  asm.mov(r8, N);
  asm.test(r8, r8);
  asm.j('le', done);
  asm.mov(rdi, b);
  asm.mov(rdx, prepared);
  asm.mov(rcx, K);
  asm.mov(r11, rcx);
  emitStepsOf(asm, r11, elementsPerWord(set));
  asm.imul(r11, r11, tileColumns(set) * 4);
  asm.mov(r10, transposeB);
  asm.mov(rsi, N);
  asm.test(r10, r10);
  asm.cmov('ne', rsi, rcx);
  asm.shl(rsi, Math.log2(set.packing.elementBytes));
  asm.call(packB);
  asm.bind(done);
  frame.leave();
}
