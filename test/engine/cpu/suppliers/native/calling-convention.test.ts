import { expect, it } from 'vitest';
import { type CodeEntry, loadCode } from '../../../../../src/engine/cpu/suppliers/native/executable-memory.js';
import { generationSupport } from '../../../../../src/engine/cpu/suppliers/native/generated-kernels.js';
import { cellPrograms } from '../../../../../src/engine/cpu/suppliers/native/lanes/cell-programs.js';
import { productFlags } from '../../../../../src/engine/cpu/suppliers/native/product-code.js';
import { Assembler } from '../../../../../src/engine/cpu/suppliers/native/x64/assembler.js';
import { Label } from '../../../../../src/engine/cpu/suppliers/native/x64/code.js';
import { generateProducts } from '../../../../../src/engine/cpu/suppliers/native/x64/generate-products.js';
import { generateRows } from '../../../../../src/engine/cpu/suppliers/native/x64/generate-rows.js';
import {
  at,
  r8,
  r9,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from '../../../../../src/engine/cpu/suppliers/native/x64/operands.js';
import { avx2, avx512, avx512Bf16 } from '../../../../../src/engine/cpu/suppliers/native/x64/vector-set.js';
import { koffi } from '../../../../../src/foreign/koffi.js';
import { describeWith } from '../../../../support/requirements.js';
import { GuardedMemory } from './guarded-memory.js';

const inRegisters = [rdi, rsi, rdx, rcx, r8, r9];
const preserved = [rbx, rbp, r12, r13, r14, r15];

/**
 * A function (parameters, out) that calls `entry` of the code with the parameters in an array of 64-bit numbers, every
 * preserved register holding a number of its own, and writes what it finds afterwards: these registers, the stack
 * pointer before and after, the control word of vector arithmetic before and after, and the flags.
 */
function caller(code: Uint8Array, entry: number, parameters: number) {
  const asm = new Assembler();
  const target = new Label();
  asm.emit(...code.subarray(0, entry));
  asm.bind(target);
  asm.emit(...code.subarray(entry));
  asm.align(64);
  const offset = asm.size;
  const onStack = parameters - inRegisters.length;
  for (const register of preserved) asm.push(register);
  // The call finds the stack at a multiple of 16.
  if (Math.max(onStack, 0) % 2 === 0) asm.push(rsi);
  else for (const register of [rsi, rsi]) asm.push(register);
  asm.mov(rax, rdi);
  for (let i = parameters - 1; i >= inRegisters.length; i--) {
    asm.mov(rcx, at(rax, 8 * i));
    asm.push(rcx);
  }
  asm.mov(at(rsi, 48), rsp);
  asm.emit(0x0f, 0xae, 0x5e, 64); // stmxcsr [rsi+64]
  preserved.forEach((register, i) => {
    asm.mov(register, 0x1234500 + i);
  });
  const used = inRegisters.slice(0, Math.min(parameters, inRegisters.length));
  used.forEach((register, i) => {
    asm.mov(register, at(rax, 8 * i));
  });
  asm.call(target);
  asm.mov(rax, at(rsp, 8 * Math.max(onStack, 0)));
  preserved.forEach((register, i) => {
    asm.mov(at(rax, 8 * i), register);
  });
  asm.mov(at(rax, 56), rsp);
  asm.emit(0x0f, 0xae, 0x58, 72); // stmxcsr [rax+72]
  asm.emit(0x9c); // pushfq
  asm.pop(rcx);
  asm.mov(at(rax, 80), rcx);
  asm.add(rsp, 8 * (Math.max(onStack, 0) + (Math.max(onStack, 0) % 2 === 0 ? 1 : 2)));
  for (const register of preserved.toReversed()) asm.pop(register);
  asm.ret();
  return loadCode(asm.finish(), { call: { offset, parameters: 2 } }).call;
}

describeWith({ generated: 'float32' }, 'generated functions', () => {
  const address = (values: Float32Array | BigInt64Array) => BigInt(koffi().address(values));

  const runnable = (['float32', 'bf16'] as const).flatMap((operands) => generationSupport(operands).sets);
  const here = [avx2, avx512, avx512Bf16].filter(({ name }) => runnable.includes(name));

  /** Calls the function, and looks at what it left. */
  function expectKept(code: Uint8Array, { offset, parameters }: CodeEntry, values: readonly bigint[]): void {
    const out = new BigInt64Array(16);
    const given = BigInt64Array.from(values);
    caller(code, offset, parameters)(Number(address(given)), Number(address(out)));
    expect([...given]).toEqual([...values]);
    expect([...out.subarray(0, 6)]).toEqual(preserved.map((_, i) => BigInt(0x1234500 + i)));
    expect(out[7]).toBe(out[6]);
    // All but the flags of past exceptions.
    const control = (word: bigint) => word & 0xffffffc0n;
    expect(control(out[9]!)).toBe(control(out[8]!));
    expect(out[10]! & 0x400n, 'the direction of string instructions').toBe(0n);
  }

  it.each(here)('leave registers, stack and modes as C wants them, $name', (set) => {
    const { code, entries } = generateProducts(set);
    const [a, b, c, bias, scratch, panels] = [4000, 9000, 5000, 100, 60_000, 20_000].map(
      (n) => new Float32Array(n),
    ) as [...[Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array]];
    const operands = [a, b, c, bias, scratch].map(address);
    const prepared = [a, panels, c, bias, scratch].map(address);
    const sizes = [37, 70, 50, 36, 96, 24].map(BigInt);
    const transposed = productFlags.transposeA | productFlags.transposeB;
    for (const [entry, values] of [
      [entries.prepare, [address(b), address(panels), 70n, 50n, 0n]],
      [entries.prepare, [address(b), address(panels), 70n, 50n, 1n]],
      [entries.multiply, [...operands, ...sizes, 0n]],
      [entries.multiply, [...operands, ...sizes, BigInt(transposed)]],
      [entries.multiply, [...prepared, ...sizes, BigInt(productFlags.prepared)]],
    ] as const) {
      expectKept(code, entry, values);
    }
  });

  it.each(here)('do so as time steps, $name', (set) => {
    const { code, entries } = generateRows(set, cellPrograms);
    const [rows, H] = [3, 37];
    for (const [name, { operands }] of Object.entries(cellPrograms)) {
      const counts = operands.map(({ sections }) => rows * sections * H);
      const index = operands.some(({ gathered }) => gathered) ? [rows] : [];
      const places = [...counts, ...index].map((count) => new GuardedMemory(count * 4).floats(count, 'end').address);
      expectKept(code, entries[name as keyof typeof cellPrograms], [...places, rows, H].map(BigInt));
    }
  });
});
