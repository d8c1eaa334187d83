/**
 * Code of a lane program: each value has a register from the step that computes it to the last one that reads it.
 * Constants lie in a table, and the most used ones stay in the registers that are left.
 */
import { inputsOf, type RowOperand, type Step, type Value } from '../lanes/lane-program.js';
import type { ConstantTable } from './constant-table.js';
import type { LaneAssembler } from './lane-assembler.js';
import type { Gpr, Memory, Vector } from './operands.js';
import { registerOf, type VectorSet } from './vector-set.js';

/** Where a program finds its operands, and which lanes exist. */
export interface LaneAccess {
  /** The vector of this section that is worked on. */
  memory(operand: RowOperand, section: number): Memory;
  /** Null where all lanes exist, else what `selectColumns` gave. */
  readonly part: Gpr | null;
}

/** The step's instruction; `swapped` where that takes the step's right operand first. */
const instructions = {
  add: { name: 'vaddps', swapped: false, commutes: true },
  subtract: { name: 'vsubps', swapped: false, commutes: false },
  multiply: { name: 'vmulps', swapped: false, commutes: true },
  divide: { name: 'vdivps', swapped: false, commutes: false },
  pmin: { name: 'vminps', swapped: true, commutes: false },
  pmax: { name: 'vmaxps', swapped: true, commutes: false },
  and: { name: 'vandps', swapped: false, commutes: true },
  or: { name: 'vorps', swapped: false, commutes: true },
  addInt: { name: 'vpaddd', swapped: false, commutes: true },
  subtractInt: { name: 'vpsubd', swapped: false, commutes: false },
} as const;

/** Registers beside those of values: for two constants of a step, and for what a masked access overwrites. */
const others = 3;

type Of<Kind extends Step['kind']> = Extract<Step, { readonly kind: Kind }>;

export class LaneEmitter {
  /** For each step, the last one that reads its value. */
  private readonly lastUse: readonly number[];
  /** Constants that stay in registers, by their bits. */
  private readonly kept: ReadonlyMap<number, Vector>;
  private readonly spare: Vector;
  /** Of one vector: registers of values, by step, and those that are free. */
  private readonly registers = new Map<number, Vector>();
  private free: Vector[] = [];
  /** Constants of the current step. */
  private temporary: Vector[] = [];

  constructor(
    private readonly asm: LaneAssembler,
    private readonly set: VectorSet,
    private readonly constants: ConstantTable,
    private readonly steps: readonly Step[],
  ) {
    this.lastUse = lastUses(steps);
    const left = set.registers - mostAlive(steps, this.lastUse) - others;
    if (left < 0) throw new Error(`a program needs ${-left} registers more than ${set.name} has`);
    const kept = mostUsedConstants(steps).slice(0, left);
    this.kept = new Map(kept.map((bits, i) => [bits, registerOf(set, set.registers - 1 - i)]));
    this.spare = registerOf(set, set.registers - 1 - kept.length);
  }

  /** Before the first vector. */
  loadConstants(): void {
    for (const [bits, register] of this.kept) this.asm.vmovups(register, this.constants.operand(bits));
  }

  /** The whole program for one vector. */
  emit(access: LaneAccess): void {
    this.registers.clear();
    this.free = Array.from({ length: this.spare.number }, (_, i) => registerOf(this.set, this.spare.number - 1 - i));
    for (const [i, step] of this.steps.entries()) {
      const result = this.emitStep(step, i, access);
      if (result) this.registers.set(i, result);
      this.free.push(...this.temporary);
      this.temporary = [];
    }
  }

  private emitStep(step: Step, i: number, access: LaneAccess): Vector | null {
    switch (step.kind) {
      case 'load':
        return this.emitLoad(step, access);
      case 'store':
        return this.emitStore(step, i, access);
      case 'madd':
      case 'nmadd':
        return this.emitMultiplyAdd(step, i);
      case 'shiftLeft':
      case 'shiftRightSigned':
        return this.emitShift(step, i);
      default:
        return this.emitBinary(step, i);
    }
  }

  private emitLoad({ operand, section }: Of<'load'>, { memory, part }: LaneAccess): Vector {
    const to = this.take();
    if (part) this.set.load(this.asm, to, memory(operand, section), 0, true, part, this.spare);
    else this.asm.vmovups(to, memory(operand, section));
    return to;
  }

  private emitStore(step: Of<'store'>, i: number, { memory, part }: LaneAccess): null {
    const [to, from] = [memory(step.operand, step.section), this.inRegister(step.value)];
    if (part) this.set.store(this.asm, to, from, 0, true, part, this.spare);
    else this.asm.vmovups(to, from);
    this.release(step, i);
    return null;
  }

  private emitShift(step: Of<'shiftLeft' | 'shiftRightSigned'>, i: number): Vector {
    const from = this.inRegister(step.value);
    this.release(step, i);
    const to = this.take();
    if (step.kind === 'shiftLeft') this.asm.vpslld(to, from, step.count);
    else this.asm.vpsrad(to, from, step.count);
    return to;
  }

  private emitBinary(step: Of<keyof typeof instructions>, i: number): Vector {
    const { name, swapped, commutes } = instructions[step.kind];
    const isSwapped = swapped || (commutes && 'bits' in step.left);
    const [first, second] = isSwapped ? [step.right, step.left] : [step.left, step.right];
    const [left, right] = [this.inRegister(first), this.operand(second)];
    this.release(step, i);
    const to = this.take();
    this.asm[name](to, left, right);
    return to;
  }

  /** Overwrites the sum or a factor that is not read any more, or a copy of the sum. */
  private emitMultiplyAdd(step: Of<'madd' | 'nmadd'>, i: number): Vector {
    const { asm } = this;
    const isNegative = step.kind === 'nmadd';
    const { left, right, sum } = step;
    if (!this.isLastUse(sum, i)) {
      const [factor, other] = this.isLastUse(left, i) ? [left, right] : [right, left];
      if (this.isLastUse(factor, i)) {
        const [to, second, third] = [this.inRegister(factor), this.inRegister(other), this.operand(sum)];
        if (isNegative) asm.vfnmadd213ps(to, second, third);
        else asm.vfmadd213ps(to, second, third);
        this.release(step, i, to);
        return to;
      }
    }
    const [first, second] = 'bits' in left ? [right, left] : [left, right];
    const [factor, other] = [this.inRegister(first), this.operand(second)];
    const to = this.isLastUse(sum, i) ? this.inRegister(sum) : this.copyOf(sum);
    if (isNegative) asm.vfnmadd231ps(to, factor, other);
    else asm.vfmadd231ps(to, factor, other);
    this.release(step, i, to);
    return to;
  }

  private copyOf(value: Value): Vector {
    const to = this.take();
    this.asm.vmovups(to, this.operand(value));
    return to;
  }

  private operand(value: Value): Vector | Memory {
    if ('step' in value) return this.registers.get(value.step)!;
    return this.kept.get(value.bits) ?? this.constants.operand(value.bits);
  }

  /** As `operand`, with a constant of the table loaded for this step. */
  private inRegister(value: Value): Vector {
    const operand = this.operand(value);
    if (operand.kind === 'vector') return operand;
    const register = this.copyOf(value);
    this.temporary.push(register);
    return register;
  }

  private isLastUse(value: Value, i: number): boolean {
    return 'step' in value && this.lastUse[value.step] === i;
  }

  private take(): Vector {
    return this.free.pop()!;
  }

  /** Gives back the registers of what is read for the last time, but for the one that the result is in. */
  private release(step: Step, i: number, result?: Vector): void {
    for (const value of inputsOf(step)) {
      if (!('step' in value) || !this.isLastUse(value, i)) continue;
      const register = this.registers.get(value.step);
      // A value that a step reads twice is given back once.
      if (!register) continue;
      this.registers.delete(value.step);
      if (register !== result) this.free.push(register);
    }
  }
}

function lastUses(steps: readonly Step[]): number[] {
  const last = steps.map(() => -1);
  for (const [i, step] of steps.entries()) {
    for (const input of inputsOf(step)) if ('step' in input) last[input.step] = i;
  }
  return last;
}

/** Most values that are alive during a step, those that it reads and its own among them. */
function mostAlive(steps: readonly Step[], lastUse: readonly number[]): number {
  const alive = steps.map((_, i) => lastUse.filter((last, value) => value <= i && last >= i).length);
  return Math.max(...alive);
}

/** The bits of constants, those that are read most first. */
function mostUsedConstants(steps: readonly Step[]): number[] {
  const uses = new Map<number, number>();
  for (const step of steps) {
    for (const input of inputsOf(step)) if ('bits' in input) uses.set(input.bits, (uses.get(input.bits) ?? 0) + 1);
  }
  return [...uses].sort(([, a], [, b]) => b - a).map(([bits]) => bits);
}
