/** What the processor and the system can do, asked with the instructions CPUID and XGETBV. */
import { addressOf } from '../../../../../foreign/koffi.js';
import { loadCode } from '../executable-memory.js';
import { Assembler } from './assembler.js';
import { at, r8, rax, rbx, rcx, rdi, rdx, rsi } from './operands.js';

/** Instructions beyond those of every x86-64 processor, where the system saves their registers as well. */
export interface ProcessorFeatures {
  /** AVX2 with fused multiply-add. */
  readonly avx2: boolean;
  /** AVX-512 with the foundation and the instructions on vectors of every length. */
  readonly avx512: boolean;
  /** Products of bfloat16 pairs in vectors of 512 bits. */
  readonly avx512Bf16: boolean;
}

/** Registers that the system saves, as bits of XCR0. */
const avxRegisters = 0x06;
const avx512Registers = 0xe6;

export function processorFeatures(): ProcessorFeatures {
  const { cpuid, xgetbv } = loadFeatureFunctions();
  const words = new Uint32Array(4);
  const out = addressOf(words);
  const leaf = (number: number, subleaf = 0) => {
    cpuid(number, subleaf, out);
    const [eax, ebx, ecx, edx] = words;
    return { eax: eax!, ebx: ebx!, ecx: ecx!, edx: edx! };
  };
  const bit = (word: number, index: number) => ((word >>> index) & 1) === 1;
  const none = { avx2: false, avx512: false, avx512Bf16: false };
  const highest = leaf(0).eax;
  if (highest < 7) return none;
  const basic = leaf(1);
  // Bit 27: the system uses XSAVE, so that XGETBV tells which registers it saves.
  if (!bit(basic.ecx, 27)) return none;
  xgetbv(out);
  const saved = words[0]!;
  const extended = leaf(7);
  const avx2 = (saved & avxRegisters) === avxRegisters && bit(basic.ecx, 12) && bit(extended.ebx, 5);
  const foundation = [16, 17, 30, 31].every((index) => bit(extended.ebx, index));
  const avx512 = avx2 && (saved & avx512Registers) === avx512Registers && foundation;
  return { avx2, avx512, avx512Bf16: avx512 && extended.eax >= 1 && bit(leaf(7, 1).eax, 5) };
}

function loadFeatureFunctions() {
  const asm = new Assembler();
  // (leaf, subleaf, address of four 32-bit words)
  const cpuid = { offset: asm.size, parameters: 3 };
  asm.push(rbx);
  asm.mov(r8, rdx);
  asm.mov(rax, rdi);
  asm.mov(rcx, rsi);
  asm.cpuid();
  [rax, rbx, rcx, rdx].forEach((register, i) => {
    asm.store32(at(r8, 4 * i), register);
  });
  asm.pop(rbx);
  asm.ret();
  // (address of two 32-bit words)
  const xgetbv = { offset: asm.size, parameters: 1 };
  asm.xor(rcx, rcx);
  asm.xgetbv();
  asm.store32(at(rdi), rax);
  asm.store32(at(rdi, 4), rdx);
  asm.ret();
  return loadCode(asm.finish(), { cpuid, xgetbv });
}
