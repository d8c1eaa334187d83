/** Generates functions that run lane programs over rows, for one vector set. */
import type { CodeEntry } from '../executable-memory.js';
import type { RowProgram } from '../lanes/lane-program.js';
import { Label } from './code.js';
import { ConstantTable } from './constant-table.js';
import { LaneAssembler } from './lane-assembler.js';
import { emitRowFunction, tableRegister } from './row-function.js';
import { tileColumns, type VectorSet } from './vector-set.js';

export interface RowCode<Name extends string> {
  readonly code: Uint8Array;
  readonly entries: Readonly<Record<Name, CodeEntry>>;
}

export function generateRows<Name extends string>(
  set: VectorSet,
  programs: Readonly<Record<Name, RowProgram>>,
): RowCode<Name> {
  const asm = new LaneAssembler();
  const table = new Label();
  // The ones and zeros that `selectColumns` selects lanes by, then the constants.
  const ones = tileColumns(set);
  const constants = new ConstantTable(set, tableRegister, 2 * ones * 4);
  const entries = Object.entries<RowProgram>(programs).map(([name, program]) => [
    name,
    emitRowFunction(asm, set, program, table, constants),
  ]);
  asm.align(64);
  asm.bind(table);
  for (let word = 0; word < 2 * ones; word++) asm.emit32(word < ones ? -1 : 0);
  constants.emit(asm);
  return { code: asm.finish(), entries: Object.fromEntries(entries) as Record<Name, CodeEntry> };
}
