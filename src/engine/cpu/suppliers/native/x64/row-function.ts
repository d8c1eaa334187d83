/** A function that runs a lane program over the rows of matrices. */
import type { CodeEntry } from '../executable-memory.js';
import type { RowOperand, RowProgram } from '../lanes/lane-program.js';
import { Label } from './code.js';
import type { ConstantTable } from './constant-table.js';
import { Frame } from './frame.js';
import type { LaneAssembler } from './lane-assembler.js';
import { LaneEmitter } from './lane-steps.js';
import {
  at,
  type Gpr,
  indexed,
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
import type { VectorSet } from './vector-set.js';

/** Points to the table of a set of functions. */
export const tableRegister = rax;

/** Registers for rows, for places in them, and for which lanes exist. */
const registers: readonly Gpr[] = [rdi, rsi, rdx, rcx, rbx, r8, r9, r10, r11, r12, r13, r14, r15];

/**
 * The function takes the address of each operand, then, where one is gathered, that of the index of its rows (int32), then
 * the number of rows and the columns of a section.
 */
export function emitRowFunction(
  asm: LaneAssembler,
  set: VectorSet,
  { operands, program }: RowProgram,
  table: Label,
  constants: ConstantTable,
): CodeEntry {
  const isGathered = operands.some(({ gathered }) => gathered);
  const sections = Math.max(...operands.map((operand) => operand.sections));
  if (operands.length + sections >= registers.length) throw new Error('a program has too many operands');
  const bases = new Map(operands.map((operand, i) => [operand, registers[i]!]));
  const places = registers.slice(operands.length, operands.length + sections);
  const which = registers[operands.length + sections]!;
  const emitter = new LaneEmitter(asm, set, constants, program.steps);

  asm.align(64);
  const entry = { offset: asm.size, parameters: operands.length + (isGathered ? 1 : 0) + 2 };
  const frame = new Frame(asm, entry.parameters, 3);
  const addresses = frame.parameters.slice(0, operands.length);
  const [rows, columns] = frame.parameters.slice(-2) as [Memory, Memory];
  const indices = frame.parameters[operands.length]!;
  const [width, whole, rest] = [frame.variable(), frame.variable(), frame.variable()];
  const [nextRow, vectors, part, rowDone, done] = Array.from({ length: 5 }, () => new Label()) as [
    ...[Label, Label, Label, Label, Label],
  ];

  asm.cmp(rows, 0);
  asm.j('le', done);
  asm.cmp(columns, 0);
  asm.j('le', done);
  emitSizes(asm, set, columns, { width, whole, rest });
  asm.mov(rsi, rest);
  asm.lea(rdi, table);
  set.selectColumns(asm, rsi, rdi, which);
  asm.lea(tableRegister, table);
  emitter.loadConstants();
  operands.forEach((operand, i) => {
    if (!operand.gathered) asm.mov(bases.get(operand)!, addresses[i]!);
  });

  asm.bind(nextRow);
  operands.forEach((operand, i) => {
    if (operand.gathered) emitGatheredRow(asm, operand, bases.get(operand)!, places[0]!, addresses[i]!, indices, width);
  });
  if (isGathered) asm.add(indices, 4);
  asm.xor(places[0]!, places[0]!);
  places.slice(1).forEach((place, i) => {
    asm.mov(place, width);
    if (i > 0) asm.imul(place, place, i + 1);
  });
  const memory = (operand: RowOperand, section: number) => indexed(bases.get(operand)!, places[section]!, 1);
  asm.cmp(whole, 0);
  asm.j('e', part);
  asm.align(32);
  asm.bind(vectors);
  emitter.emit({ memory, part: null });
  for (const place of places) asm.add(place, set.bytes);
  asm.cmp(places[0]!, whole);
  asm.j('l', vectors);
  asm.bind(part);
  asm.cmp(rest, 0);
  asm.j('e', rowDone);
  emitter.emit({ memory, part: which });
  asm.bind(rowDone);
  emitAdvance(asm, operands, bases, places[0]!, width);
  asm.sub(rows, 1);
  asm.j('g', nextRow);
  asm.bind(done);
  frame.leave();
  return entry;
}

/** What does not change from row to row: bytes of a section, those in whole vectors, and the columns left over. */
function emitSizes(
  asm: LaneAssembler,
  set: VectorSet,
  columns: Memory,
  { width, whole, rest }: Readonly<Record<'width' | 'whole' | 'rest', Memory>>,
): void {
  asm.mov(rdx, columns);
  asm.mov(rsi, rdx);
  asm.and(rsi, set.bytes / 4 - 1);
  asm.mov(rest, rsi);
  asm.shl(rdx, 2);
  asm.mov(width, rdx);
  asm.and(rdx, -set.bytes);
  asm.mov(whole, rdx);
}

/** The address of the row that the index names. */
function emitGatheredRow(
  asm: LaneAssembler,
  { sections }: RowOperand,
  to: Gpr,
  free: Gpr,
  matrix: Memory,
  indices: Memory,
  width: Memory,
): void {
  asm.mov(to, indices);
  asm.load32(to, at(to));
  if (sections > 1) asm.imul(to, to, sections);
  asm.mov(free, width);
  asm.imul(to, free);
  asm.add(to, matrix);
}

/** To the next row of all operands but those that are gathered. */
function emitAdvance(
  asm: LaneAssembler,
  operands: readonly RowOperand[],
  bases: ReadonlyMap<RowOperand, Gpr>,
  free: Gpr,
  width: Memory,
): void {
  const advancing = operands.filter(({ gathered }) => !gathered);
  for (const sections of new Set(advancing.map((operand) => operand.sections))) {
    asm.mov(free, width);
    if (sections > 1) asm.imul(free, free, sections);
    for (const operand of advancing) if (operand.sections === sections) asm.add(bases.get(operand)!, free);
  }
}
