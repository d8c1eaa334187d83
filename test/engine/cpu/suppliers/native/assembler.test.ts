import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { describe, expect, it } from 'vitest';
import { generator } from '../../../../../src/data/random.js';
import { Label } from '../../../../../src/engine/cpu/suppliers/native/x64/code.js';
import type { Masking } from '../../../../../src/engine/cpu/suppliers/native/x64/encoding.js';
import type { Condition } from '../../../../../src/engine/cpu/suppliers/native/x64/general-assembler.js';
import { LaneAssembler } from '../../../../../src/engine/cpu/suppliers/native/x64/lane-assembler.js';
import {
  at,
  type Gpr,
  indexed,
  type Mask,
  type Memory,
  mask,
  type Scale,
  type Vector,
  type VectorBytes,
  vector,
} from '../../../../../src/engine/cpu/suppliers/native/x64/operands.js';
import { describeWith } from '../../../../support/requirements.js';
import { assemble, disassemble } from './binutils.js';

const random = generator(1, 'operands');
const below = (count: number) => uniformInt(random, 0, count - 1);
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)]!;

const gprNames = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

function gpr(): Gpr {
  return { kind: 'gpr', number: below(16) };
}

function memory(): Memory {
  const displacement = oneOf([0, 4, 64, -64, below(256) - 128, 64 * (below(256) - 128), below(2 ** 20) - 2 ** 19]);
  const index = { kind: 'gpr', number: oneOf([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]) } as const;
  return below(2) ? at(gpr(), displacement) : indexed(gpr(), index, oneOf<Scale>([1, 2, 4, 8]), displacement);
}

function immediate(): number {
  return oneOf([0, 1, -1, below(256) - 128, below(2 ** 20) - 2 ** 19, 2 ** 31 - 1, -(2 ** 31)]);
}

/** What stands in Intel's syntax for an operand. */
function text(operand: Gpr | Vector | Mask | Memory | number): string {
  if (typeof operand === 'number') return String(operand);
  if (operand.kind === 'gpr') return gprNames[operand.number]!;
  if (operand.kind === 'mask') return `k${operand.number}`;
  if (operand.kind === 'vector') return `${{ 16: 'xmm', 32: 'ymm', 64: 'zmm' }[operand.bytes]}${operand.number}`;
  const { base, index, scale, displacement } = operand;
  return `[${text(base)}${index ? `+${text(index)}*${scale}` : ''}${displacement < 0 ? '' : '+'}${displacement}]`;
}

interface Sample {
  readonly source: string;
  encode(asm: LaneAssembler): void;
}

function sample(name: string, operands: readonly string[], encode: (asm: LaneAssembler) => void): Sample {
  return { source: `${name} ${operands.join(', ')}`, encode };
}

/** A kind of instruction, and a random one of that kind. */
const kinds: Record<string, () => Sample> = {};

for (const name of ['mov', 'add', 'or', 'and', 'sub', 'xor', 'cmp'] as const) {
  kinds[name] = () => {
    const to = below(3) ? gpr() : memory();
    const from = oneOf([gpr(), immediate(), to.kind === 'gpr' ? memory() : gpr()]);
    return sample(name, [`qword ptr ${text(to)}`.replace(/^qword ptr r/, 'r'), text(from)], (asm) =>
      asm[name](to, from),
    );
  };
}

for (const name of ['shl', 'shr'] as const) {
  kinds[name] = () => {
    const [to, count] = [gpr(), oneOf([1, 2 + below(62), 'cl' as const])];
    return sample(name, [text(to), String(count)], (asm) => asm[name](to, count));
  };
}

kinds.imul = () => {
  const [to, from, factor] = [gpr(), oneOf([gpr(), memory()]), oneOf([undefined, immediate()])];
  const operands = [text(to), text(from), ...(factor === undefined ? [] : [text(factor)])];
  return sample('imul', operands, (asm) => asm.imul(to, from, factor));
};

kinds.test = () => {
  const [left, right] = [oneOf([gpr(), memory()]), oneOf([gpr(), immediate()])];
  const operand = left.kind === 'gpr' ? text(left) : `qword ptr ${text(left)}`;
  return sample('test', [operand, text(right)], (asm) => asm.test(left, right));
};

kinds.cmov = () => {
  const condition = oneOf<Condition>(['b', 'ae', 'e', 'ne', 'be', 'a', 's', 'l', 'ge', 'le', 'g']);
  const [to, from] = [gpr(), oneOf([gpr(), memory()])];
  return sample(`cmov${condition}`, [text(to), text(from)], (asm) => asm.cmov(condition, to, from));
};

kinds.store32 = () => {
  const [to, from] = [memory(), gpr()];
  const lower = from.number < 8 ? text(from).replace('r', 'e') : `${text(from)}d`;
  return sample('mov', [text(to), lower], (asm) => asm.store32(to, from));
};

kinds.load32 = () => {
  const [to, from] = [gpr(), memory()];
  const lower = to.number < 8 ? text(to).replace('r', 'e') : `${text(to)}d`;
  return sample('mov', [lower, text(from)], (asm) => asm.load32(to, from));
};

kinds.lea = () => {
  const [to, from] = [gpr(), memory()];
  return sample('lea', [text(to), text(from)], (asm) => asm.lea(to, from));
};

kinds.prefetch = () => {
  const [where, from] = [oneOf(['t0', 't1', 't2', 'w'] as const), memory()];
  return sample(`prefetch${where}`, [text(from)], (asm) => asm.prefetch(where, from));
};

kinds.stack = () => {
  const [name, operand] = [oneOf(['push', 'pop'] as const), gpr()];
  return sample(name, [text(operand)], (asm) => asm[name](operand));
};

kinds.plain = () => {
  const name = oneOf(['cpuid', 'xgetbv', 'ret', 'vzeroupper'] as const);
  return sample(name, [], (asm) => asm[name]());
};

kinds.kmovw = () => {
  const [to, from] = [mask(below(8)), gpr()];
  const lower = from.number < 8 ? text(from).replace('r', 'e') : `${text(from)}d`;
  return sample('kmovw', [text(to), lower], (asm) => asm.kmovw(to, from));
};

/** A width, and registers and masking that have an encoding of that width. */
function vectors(widths: readonly VectorBytes[], withEvex = true) {
  const bytes = oneOf(widths);
  const register = () => vector(below(withEvex && (bytes === 64 || below(2)) ? 32 : 16), bytes);
  const masked = withEvex && below(2) === 1;
  const masking: Masking = masked ? { mask: mask(1 + below(7)), zeroing: below(2) === 1 } : {};
  return { bytes, register, masking };
}

function masks({ mask: which, zeroing }: Masking): string {
  return which ? `{k${which.number}}${zeroing ? '{z}' : ''}` : '';
}

/** An operand that is a register or memory, and its text. */
function source(bytes: VectorBytes, register: () => Vector, broadcast: boolean): [Vector | Memory, string] {
  const operand = broadcast ? memory() : oneOf([register(), memory()]);
  return [operand, broadcast ? `dword ptr ${text(operand)}{1to${bytes / 4}}` : text(operand)];
}

for (const name of ['vaddps', 'vfmadd231ps', 'vdpbf16ps', 'vpord', 'vpxord'] as const) {
  kinds[name] = () => {
    const { bytes, register, masking } = vectors([16, 32, 64]);
    const broadcast = below(4) === 0;
    const [to, left] = [register(), register()];
    const [right, rightText] = source(bytes, register, broadcast);
    const all = { ...masking, broadcast };
    return sample(name, [text(to) + masks(masking), text(left), rightText], (asm) => asm[name](to, left, right, all));
  };
}

const unmasked = [
  ...(['vunpcklps', 'vunpckhps', 'vsubps', 'vmulps', 'vdivps', 'vminps', 'vmaxps', 'vandps', 'vorps'] as const),
  ...(['vpaddd', 'vpsubd', 'vfmadd213ps', 'vfnmadd213ps', 'vfnmadd231ps'] as const),
];

for (const name of unmasked) {
  kinds[name] = () => {
    const { bytes, register } = vectors([16, 32, 64]);
    const [to, left, [right, rightText]] = [register(), register(), source(bytes, register, false)];
    return sample(name, [text(to), text(left), rightText], (asm) => asm[name](to, left, right));
  };
}

for (const name of ['vshufps', 'vperm2f128'] as const) {
  kinds[name] = () => {
    const { bytes, register } = name === 'vshufps' ? vectors([16, 32, 64]) : vectors([32], false);
    const [to, left, [right, rightText], order] = [register(), register(), source(bytes, register, false), below(256)];
    return sample(name, [text(to), text(left), rightText, text(order)], (asm) => asm[name](to, left, right, order));
  };
}

for (const name of ['vpslld', 'vprold'] as const) {
  kinds[name] = () => {
    const { bytes, register, masking } = vectors([16, 32, 64]);
    const broadcast = below(4) === 0;
    const [to, [from, fromText], count] = [register(), source(bytes, register, broadcast), below(32)];
    return sample(name, [text(to) + masks(masking), fromText, text(count)], (asm) =>
      asm[name](to, from, count, { ...masking, broadcast }),
    );
  };
}

kinds.vpsrad = () => {
  const { bytes, register } = vectors([16, 32, 64]);
  const [to, [from, fromText], count] = [register(), source(bytes, register, false), below(32)];
  return sample('vpsrad', [text(to), fromText, text(count)], (asm) => asm.vpsrad(to, from, count));
};

kinds.vmovdqu16 = () => {
  const { bytes, register, masking } = vectors([16, 32, 64]);
  const [to, [from, fromText]] = [register(), source(bytes, register, false)];
  return sample('vmovdqu16', [text(to) + masks(masking), fromText], (asm) => asm.vmovdqu16(to, from, masking));
};

kinds.vpmovzxwd = () => {
  const { register, masking } = vectors([16, 32, 64]);
  const [to, from] = [register(), memory()];
  return sample('vpmovzxwd', [text(to) + masks(masking), text(from)], (asm) => asm.vpmovzxwd(to, from, masking));
};

kinds.vxorps = () => {
  const { bytes, register } = vectors([16, 32], false);
  const [to, left, [right, rightText]] = [register(), register(), source(bytes, register, false)];
  return sample('vxorps', [text(to), text(left), rightText], (asm) => asm.vxorps(to, left, right));
};

kinds.vbroadcastss = () => {
  const { register } = vectors([32, 64]);
  const [to, from] = [register(), oneOf([memory(), register()])];
  const fromText = from.kind === 'vector' ? text({ ...from, bytes: 16 }) : text(from);
  return sample('vbroadcastss', [text(to), fromText], (asm) => asm.vbroadcastss(to, from));
};

kinds.vmovups = () => {
  const { register, masking } = vectors([16, 32, 64]);
  const load = below(2) === 1;
  const [inner, outer] = [register(), load ? oneOf([register(), memory()]) : memory()];
  const [to, from] = load ? [inner, outer] : [outer, inner];
  const used = load ? masking : { ...masking, zeroing: false };
  return sample('vmovups', [text(to) + masks(used), text(from)], (asm) => asm.vmovups(to, from, used));
};

kinds.vmaskmovps = () => {
  const { register } = vectors([16, 32], false);
  const [inner, which, outer] = [register(), register(), memory()];
  const [to, from] = below(2) ? [inner, outer] : [outer, inner];
  return sample('vmaskmovps', [text(to), text(which), text(from)], (asm) => asm.vmaskmovps(to, which, from));
};

describeWith({ command: 'objdump' }, 'the assembler, judged by GNU binutils', () => {
  it.each(Object.entries(kinds))(
    'encodes %s with whatever operands as the instruction that was meant',
    (_name, kind) => {
      const samples = Array.from({ length: 1000 }, kind);
      const asm = new LaneAssembler();
      for (const each of samples) each.encode(asm);
      const found = disassemble(asm.finish());
      const expected = disassemble(assemble(samples.map(({ source }) => source)));
      expect(found.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
      expect(found).toHaveLength(samples.length);
    },
  );

  it('jumps, calls and takes addresses forwards and backwards', () => {
    const asm = new LaneAssembler();
    const [start, end] = [new Label(), new Label()];
    const rdi = { kind: 'gpr', number: 7 } as const;
    asm.align(16);
    asm.bind(start);
    asm.j('ne', end);
    asm.call(start);
    asm.lea(rdi, end);
    asm.jmp(start);
    asm.ret();
    asm.align(64);
    asm.bind(end);
    asm.j('l', start);
    const instructions = disassemble(asm.finish());
    const texts = instructions.map(({ text }) => text);
    expect(texts.slice(0, 5)).toEqual(['jne 0x40', 'call 0x0', 'lea rdi,[rip+0x2e] # 0x40', 'jmp 0x0', 'ret']);
    expect(texts.slice(5, -1).every((text) => /^(cs |data16 )*nop/.test(text) || text.startsWith('xchg'))).toBe(true);
    expect(instructions.at(-1)).toEqual({ address: 64, text: 'jl 0x0' });
  });
});

describe('the assembler', () => {
  it('refuses what has no encoding', () => {
    const asm = new LaneAssembler();
    const [memoryAt, rax] = [at(gpr()), gpr()];
    expect(() => asm.mov(memoryAt, memoryAt)).toThrow('one operand in memory');
    expect(() => asm.add(rax, 2 ** 31)).toThrow('no 32-bit number');
    expect(() => indexed(rax, { kind: 'gpr', number: 4 }, 1)).toThrow('rsp');
    asm.jmp(new Label());
    expect(() => asm.finish()).toThrow('not bound');
  });
});
