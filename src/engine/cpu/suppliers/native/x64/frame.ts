/** The stack frame of a generated function: parameters and variables as memory relative to rbp. */
import type { Assembler } from './assembler.js';
import {
  at,
  type Gpr,
  type Memory,
  r8,
  r9,
  r12,
  r13,
  r14,
  r15,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from './operands.js';

/** Where the calling convention of System V has whole numbers, before the stack. */
const inRegisters: readonly Gpr[] = [rdi, rsi, rdx, rcx, r8, r9];
/** What a function has to leave as it was, besides rbp and rsp. */
const preserved: readonly Gpr[] = [rbx, r12, r13, r14, r15];

export class Frame {
  /** The parameters, in order. */
  readonly parameters: readonly Memory[];
  private readonly variables: number;
  private taken = 0;

  /**
   * Emits the start of a function.
   *
   * @param parameters how many it has
   * @param variables how many it asks for with `variable` at most
   */
  constructor(
    private readonly asm: Assembler,
    parameters: number,
    variables: number,
  ) {
    const stored = Math.min(parameters, inRegisters.length);
    this.variables = variables;
    asm.push(rbp);
    asm.mov(rbp, rsp);
    for (const register of preserved) asm.push(register);
    asm.sub(rsp, 8 * (variables + stored));
    this.parameters = Array.from({ length: parameters }, (_, i) => {
      // Behind the frame lie the saved rbp and the return address, then the parameters beyond the sixth.
      if (i >= inRegisters.length) return at(rbp, 16 + 8 * (i - inRegisters.length));
      const place = at(rbp, -8 * (preserved.length + variables + i + 1));
      asm.mov(place, inRegisters[i]!);
      return place;
    });
  }

  /** A variable of 64 bits. */
  variable(): Memory {
    if (this.taken === this.variables) throw new Error('the frame has no room for another variable');
    this.taken++;
    return at(rbp, -8 * (preserved.length + this.taken));
  }

  /** Emits the end of the function. */
  leave(): void {
    const { asm } = this;
    asm.vzeroupper();
    asm.lea(rsp, at(rbp, -8 * preserved.length));
    for (const register of preserved.toReversed()) asm.pop(register);
    asm.pop(rbp);
    asm.ret();
  }
}
