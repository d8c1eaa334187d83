/** The parts that x86-64 instructions are encoded in: REX, VEX and EVEX prefixes, ModRM, SIB and displacement. */
import type { Code, Label } from './code.js';
import type { Gpr, Mask, Memory, Vector, VectorBytes } from './operands.js';

/** An operand whose number goes into the rm field, or the label of memory relative to the instruction. */
export type RmOperand = Gpr | Vector | Mask | Memory | Label;

function isMemory(rm: RmOperand): rm is Memory {
  return 'kind' in rm && rm.kind === 'memory';
}

/** Bits 3 and 4 of the registers in the rm operand: of the register, or of base and index. */
function highBits(rm: RmOperand): { base: number; index: number } {
  if (!('kind' in rm)) return { base: 0, index: 0 };
  if (!isMemory(rm)) return { base: rm.number >> 3, index: rm.number >> 4 };
  return { base: rm.base.number >> 3, index: (rm.index?.number ?? 0) >> 3 };
}

/** ModRM, SIB and displacement. @param unit bytes that an 8-bit displacement counts in */
function emitModRm(code: Code, reg: number, rm: RmOperand, unit = 1): void {
  const field = (reg & 7) << 3;
  if (!('kind' in rm)) {
    code.emit(field | 5);
    code.emitDistance(rm);
    return;
  }
  if (!isMemory(rm)) {
    code.emit(0xc0 | field | (rm.number & 7));
    return;
  }
  const { base, index, scale, displacement } = rm;
  const low = base.number & 7;
  const short = displacement % unit === 0 && displacement >= -128 * unit && displacement <= 127 * unit;
  // Base rbp or r13 without a displacement is how the encoding says that there is no base.
  const mode = displacement === 0 && low !== 5 ? 0 : short ? 1 : 2;
  if (index || low === 4) {
    code.emit((mode << 6) | field | 4);
    code.emit((Math.log2(scale) << 6) | (((index?.number ?? 4) & 7) << 3) | low);
  } else {
    code.emit((mode << 6) | field | low);
  }
  if (mode === 1) code.emit((displacement / unit) & 0xff);
  if (mode === 2) code.emit32(displacement);
}

/** An instruction from before vectors: opcode bytes behind a REX prefix where one is needed. */
export function emitLegacy(code: Code, wide: boolean, opcode: readonly number[], reg: number, rm: RmOperand): void {
  const { base, index } = highBits(rm);
  const rex = (wide ? 8 : 0) | ((reg >> 3) << 2) | ((isMemory(rm) ? index & 1 : 0) << 1) | (base & 1);
  if (rex) code.emit(0x40 | rex);
  code.emit(...opcode);
  emitModRm(code, reg, rm);
}

/** What an 8-bit displacement counts in under EVEX: the whole vector, half of it, or an element. */
export type Displaced = 'vector' | 'half' | 'element';

/** A vector instruction as the manuals write it: VEX or EVEX .66.0F38.W0 B8, say. */
export interface VectorOpcode {
  /** 0 for none, 1 for 66, 2 for F3, 3 for F2. */
  readonly prefix: 0 | 1 | 2 | 3;
  /** 1 for 0F, 2 for 0F38, 3 for 0F3A. */
  readonly map: 1 | 2 | 3;
  readonly opcode: number;
  readonly displaced?: Displaced;
  /** The W bit of an EVEX prefix. */
  readonly wide?: boolean;
}

/** How an instruction with an EVEX prefix treats the elements of its result, and its operand in memory. */
export interface Masking {
  /** Elements that are computed; the others keep what they hold, or become 0 if `zeroing`. */
  readonly mask?: Mask;
  readonly zeroing?: boolean;
  /** The operand in memory is one element, which stands for all. */
  readonly broadcast?: boolean;
}

/** @param second the register of the vvvv field, 0 where the instruction has none */
export function emitVex(
  code: Code,
  { prefix, map, opcode }: VectorOpcode,
  bytes: VectorBytes,
  reg: number,
  second: number,
  rm: RmOperand,
): void {
  const { base, index } = highBits(rm);
  const r = (reg >> 3) ^ 1;
  const x = (isMemory(rm) ? index & 1 : 0) ^ 1;
  const b = (base & 1) ^ 1;
  const low = ((~second & 15) << 3) | (bytes === 32 ? 4 : 0) | prefix;
  if (map === 1 && x && b) code.emit(0xc5, (r << 7) | low);
  else code.emit(0xc4, (r << 7) | (x << 6) | (b << 5) | map, low);
  code.emit(opcode);
  emitModRm(code, reg, rm);
}

export function emitEvex(
  code: Code,
  { prefix, map, opcode, displaced = 'vector', wide = false }: VectorOpcode,
  bytes: VectorBytes,
  reg: number,
  second: number,
  rm: RmOperand,
  { mask, zeroing = false, broadcast = false }: Masking,
): void {
  const { base, index } = highBits(rm);
  const not = (bit: number) => (bit & 1) ^ 1;
  code.emit(
    0x62,
    (not(reg >> 3) << 7) | (not(index) << 6) | (not(base) << 5) | (not(reg >> 4) << 4) | map,
    (wide ? 0x80 : 0) | ((~second & 15) << 3) | 4 | prefix,
    (zeroing ? 0x80 : 0) |
      (Math.log2(bytes / 16) << 5) |
      (broadcast ? 0x10 : 0) |
      (not(second >> 4) << 3) |
      (mask?.number ?? 0),
    opcode,
  );
  const unit = displaced === 'element' || broadcast ? 4 : displaced === 'half' ? bytes / 2 : bytes;
  emitModRm(code, reg, rm, unit);
}
