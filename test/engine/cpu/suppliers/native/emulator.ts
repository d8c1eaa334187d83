/**
 * Runs generated code on a processor of our own, decoded by GNU binutils: kernels for AVX-512 can so be tested anywhere,
 * and an access to a byte outside the operands is an error wherever it falls.
 */
import { disassemble, type Instruction } from './binutils.js';
import { isNegative, laneOf, maskOf, type VectorOperand, vectorOperand } from './emulated-vectors.js';

/** A piece of memory that the code may touch. */
export interface Region {
  readonly address: number;
  readonly view: DataView;
  readonly writable: boolean;
}

const names64 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const names32 = 'eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d'.split(' ');
const returnAddress = -1;

type Step = () => void;

export class Emulator {
  /** General-purpose registers, as exact whole numbers. */
  readonly registers = new Float64Array(16);
  readonly vectors = Array.from({ length: 32 }, () => new Uint32Array(16));
  readonly masks = new Uint32Array(8);
  /** Instructions executed, by name. */
  readonly executed = new Map<string, number>();
  private readonly steps = new Map<number, { readonly step: Step; readonly next: number; readonly name: string }>();
  private regions: readonly Region[] = [];
  private next = 0;
  /** The last comparison. */
  private left = 0;
  private right = 0;

  constructor(private readonly code: Uint8Array) {
    const instructions = disassemble(code);
    instructions.forEach((instruction, i) => {
      const next = instructions[i + 1]?.address ?? code.length;
      // What lies behind the code as data decodes to anything, and is never run.
      const name = instruction.text.split(' ')[0]!;
      this.steps.set(instruction.address, { step: () => {}, next, name });
      this.decodeLater(instruction, next, name);
    });
  }

  private decodeLater(instruction: Instruction, next: number, name: string): void {
    this.steps.set(instruction.address, {
      next,
      name,
      step: () => {
        const step = this.decode(instruction.text);
        this.steps.set(instruction.address, { step, next, name });
        step();
      },
    });
  }

  /** Calls the function at this offset, as C would with whole numbers. */
  call(entry: number, parameters: readonly number[], regions: readonly Region[]): void {
    const stack = new DataView(new ArrayBuffer(4096));
    const stackAt = 2 ** 44;
    this.regions = [
      ...regions,
      { address: stackAt, view: stack, writable: true },
      { address: 0, view: new DataView(this.code.buffer, this.code.byteOffset, this.code.length), writable: false },
    ];
    const onStack = parameters.slice(6);
    this.registers.forEach((_, i) => {
      this.registers[i] = 1000 + i;
    });
    // A stack aligned to 16 bytes before the call.
    let top = stackAt + 4096 - 16 * Math.ceil(onStack.length / 2);
    onStack.forEach((value, i) => {
      this.store64(top + 8 * i, value);
    });
    [7, 6, 2, 1, 8, 9].forEach((register, i) => {
      this.registers[register] = parameters[i] ?? 0;
    });
    top -= 8;
    this.store64(top, returnAddress);
    this.registers[4] = top;
    const kept = [3, 5, 12, 13, 14, 15].map((register) => [register, this.registers[register]!] as const);
    this.next = entry;
    while (this.next !== returnAddress) {
      const at = this.steps.get(this.next);
      if (!at) throw new Error(`no instruction starts at ${this.next}`);
      this.next = at.next;
      this.executed.set(at.name, (this.executed.get(at.name) ?? 0) + 1);
      at.step();
    }
    if (this.registers[4] !== top + 8) throw new Error('the stack pointer is not what it was');
    for (const [register, value] of kept) {
      if (this.registers[register] !== value) throw new Error(`${names64[register]} is not what it was`);
    }
  }

  private region(address: number, bytes: number, write: boolean): Region {
    for (const region of this.regions) {
      const offset = address - region.address;
      if (offset >= 0 && offset + bytes <= region.view.byteLength && (!write || region.writable)) return region;
    }
    throw new Error(`${write ? 'writes' : 'reads'} ${bytes} bytes at ${address}, outside all operands`);
  }

  private load64(address: number): number {
    const { view, address: start } = this.region(address, 8, false);
    return Number(view.getBigInt64(address - start, true));
  }

  private store64(address: number, value: number): void {
    const { view, address: start } = this.region(address, 8, true);
    view.setBigInt64(address - start, BigInt(value), true);
  }

  private load32(address: number): number {
    const { view, address: start } = this.region(address, 4, false);
    return view.getUint32(address - start, true);
  }

  private loadHalf(address: number): number {
    const { view, address: start } = this.region(address, 2, false);
    return view.getUint16(address - start, true);
  }

  private store32(address: number, value: number): void {
    const { view, address: start } = this.region(address, 4, true);
    view.setUint32(address - start, value, true);
  }

  /** What runs an instruction written in Intel's syntax. */
  private decode(text: string): Step {
    const [name, ...rest] = text.replace(/ #.*| <.*/, '').split(' ');
    const operands = rest.join(' ').split(',');
    if (/^(nop|xchg|data16|cs|vzeroupper|prefetch\w*)$/.test(name!)) {
      // Upper halves of registers are never relied on after vzeroupper; a prefetch may name any address.
      return () => {};
    }
    return (
      this.decodeJump(name!, operands) ??
      (/^[vk]/.test(name!) ? this.decodeVector(name!, operands) : this.decodeWhole(name!, operands))
    );
  }

  private decodeJump(name: string, [operand]: readonly string[]): Step | null {
    const target = Number(operand);
    switch (name) {
      case 'jmp':
        return () => {
          this.next = target;
        };
      case 'call':
        return () => {
          this.push(this.next);
          this.next = target;
        };
      case 'ret':
        return () => {
          this.next = this.pop();
        };
    }
    if (!name.startsWith('j')) return null;
    const holds = this.condition(name.slice(1));
    return () => {
      if (holds()) this.next = target;
    };
  }

  private condition(name: string): () => boolean {
    switch (name) {
      case 'e':
        return () => this.left === this.right;
      case 'ne':
        return () => this.left !== this.right;
      case 'l':
        return () => this.left < this.right;
      case 'le':
        return () => this.left <= this.right;
      case 'g':
        return () => this.left > this.right;
      case 'ge':
        return () => this.left >= this.right;
    }
    throw new Error(`the condition ${name} is not emulated`);
  }

  private push(value: number): void {
    this.registers[4]! -= 8;
    this.store64(this.registers[4]!, value);
  }

  private pop(): number {
    const value = this.load64(this.registers[4]!);
    this.registers[4]! += 8;
    return value;
  }

  private compare(left: number, right: number): void {
    if (!Number.isSafeInteger(left) || !Number.isSafeInteger(right)) throw new Error('a number beyond 2^53');
    [this.left, this.right] = [left, right];
  }

  private decodeWhole(name: string, operands: readonly string[]): Step {
    const [to, from, third] = operands.map((operand) => this.wholeOperand(operand)) as [...[Whole, Whole, Whole]];
    const result = (compute: (left: number, right: number) => number): Step => {
      return () => {
        const value = compute(to.get(), from.get());
        to.set(value);
        this.compare(value, 0);
      };
    };
    switch (name) {
      case 'mov':
        return () => to.set(from.get());
      case 'lea':
        return () => to.set(from.address());
      case 'add':
        return result((left, right) => left + right);
      case 'sub':
        return () => {
          const [left, right] = [to.get(), from.get()];
          to.set(left - right);
          this.compare(left, right);
        };
      case 'cmp':
        return () => this.compare(to.get(), from.get());
      case 'and':
        return result((left, right) => Number(BigInt(left) & BigInt(right)));
      case 'or':
        return result((left, right) => Number(BigInt(left) | BigInt(right)));
      case 'xor':
        return result((left, right) => Number(BigInt(left) ^ BigInt(right)));
      case 'test':
        return () => this.compare(Number(BigInt(to.get()) & BigInt(from.get())), 0);
      case 'imul':
        return () => to.set(third ? from.get() * third.get() : to.get() * from.get());
      case 'shl':
        return () => to.set(to.get() * 2 ** (from.get() % 64));
      case 'shr':
        return () => to.set(Math.floor(to.get() / 2 ** (from.get() % 64)));
      case 'push':
        return () => this.push(to.get());
      case 'pop':
        return () => to.set(this.pop());
    }
    if (name.startsWith('cmov')) {
      const holds = this.condition(name.slice(4));
      return () => {
        const value = from.get();
        if (holds()) to.set(value);
      };
    }
    throw new Error(`${name} is not emulated`);
  }

  private wholeOperand(text: string): Whole {
    const register = names64.indexOf(text);
    if (register >= 0) {
      return {
        get: () => this.registers[register]!,
        set: (value) => {
          this.registers[register] = value;
        },
        address: () => Number.NaN,
      };
    }
    if (text.includes('[')) {
      const address = this.memoryOperand(text);
      const get = text.startsWith('DWORD') ? () => this.load32(address()) : () => this.load64(address());
      return { get, set: (value) => this.store64(address(), value), address };
    }
    const lower = names32.indexOf(text);
    if (lower >= 0) {
      const set = (value: number) => {
        this.registers[lower] = value % 2 ** 32;
      };
      return { get: () => this.registers[lower]! % 2 ** 32, set, address: () => Number.NaN };
    }
    if (text === 'cl') return { get: () => this.registers[1]! % 256, set: () => {}, address: () => Number.NaN };
    const unsigned = BigInt(text);
    const value = Number(BigInt.asIntN(64, unsigned));
    return { get: () => value, set: () => {}, address: () => Number.NaN };
  }

  /** "QWORD PTR [rax+rcx*2-0x10]" and "[rip+0x20]", which counts from the next instruction. */
  private memoryOperand(text: string): () => number {
    const terms = /\[(.*)\]/.exec(text)![1]!.match(/[+-]?[^+-]+/g)!;
    const parts = terms.map((term) => {
      const sign = term.startsWith('-') ? -1 : 1;
      const [name, scale = '1'] = term.replace(/^[+-]/, '').split('*');
      const register = names64.indexOf(name!);
      if (name === 'rip') return () => this.next;
      if (register >= 0) return () => this.registers[register]! * Number(scale);
      return () => sign * Number(name);
    });
    return () => parts.reduce((sum, part) => sum + part(), 0);
  }

  private decodeVector(name: string, operands: readonly string[]): Step {
    if (name === 'kmovw') {
      const from = this.wholeOperand(operands[1]!);
      const to = Number(operands[0]!.slice(1));
      return () => {
        this.masks[to] = from.get() % 2 ** 16;
      };
    }
    const first = operands[0]!;
    const toMemory = first.includes('[');
    const shape = vectorOperand(toMemory ? operands.at(-1)! : first);
    const { mask, zeroing } = toMemory ? maskOf(first) : shape;
    const { lanes } = shape;
    if (name === 'vmovdqu16' || name === 'vpmovzxwd') return this.decodeHalves(name, operands, shape);
    const isComputed = (lane: number) => mask === 0 || ((this.masks[mask]! >> lane) & 1) === 1;
    const sources = operands
      .slice(1)
      .map((operand) => (/^[[xyzDQ-Z]/.test(operand) ? this.source(operand, lanes) : null));
    if (toMemory) {
      const address = this.memoryOperand(first);
      const stored = this.vectors[shape.register]!;
      const selected =
        name === 'vmaskmovps' ? (lane: number) => isNegative(sources[0]!(lane)) : (lane: number) => isComputed(lane);
      return () => {
        for (let lane = 0; lane < lanes; lane++) if (selected(lane)) this.store32(address() + 4 * lane, stored[lane]!);
      };
    }
    const to = this.vectors[shape.register]!;
    const compute = laneOf(name, to, lanes, sources, Number(operands.at(-1)));
    return () => {
      const values = new Uint32Array(16);
      for (let lane = 0; lane < lanes; lane++) {
        if (isComputed(lane)) values[lane] = compute(lane);
        else values[lane] = zeroing ? 0 : to[lane]!;
      }
      to.set(values);
    };
  }

  /** Loads of 16-bit elements, with zeros where they are masked out. */
  private decodeHalves(name: string, operands: readonly string[], { register, lanes, mask }: VectorOperand): Step {
    const address = this.memoryOperand(operands[1]!);
    const to = this.vectors[register]!;
    const half = (i: number) =>
      mask === 0 || ((this.masks[mask]! >> i) & 1) === 1 ? this.loadHalf(address() + 2 * i) : 0;
    const word = name === 'vpmovzxwd' ? half : (lane: number) => half(2 * lane) | (half(2 * lane + 1) << 16);
    return () => {
      to.fill(0);
      for (let lane = 0; lane < lanes; lane++) to[lane] = word(lane);
    };
  }

  /** Element `lane` of a register or of memory, read when it is asked for. */
  private source(text: string, lanes: number): (lane: number) => number {
    if (!text.includes('[')) {
      const vector = this.vectors[vectorOperand(text).register]!;
      return (lane) => vector[lane]!;
    }
    const address = this.memoryOperand(text);
    const isOne = /DWORD (PTR|BCST)/.test(text) && !/[XYZ]MMWORD|QWORD/.test(text) && lanes > 1;
    return (lane) => this.load32(address() + (isOne ? 0 : 4 * lane));
  }
}

interface Whole {
  get(): number;
  set(value: number): void;
  address(): number;
}
