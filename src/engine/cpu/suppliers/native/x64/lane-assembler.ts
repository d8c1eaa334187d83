/** The instructions that lane programs need beside those of products. */
import { Assembler } from './assembler.js';
import type { Memory, Vector } from './operands.js';

export class LaneAssembler extends Assembler {
  vsubps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x5c }, to, left, right);
  }

  vmulps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x59 }, to, left, right);
  }

  vdivps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x5e }, to, left, right);
  }

  /** left < right ? left : right. */
  vminps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x5d }, to, left, right);
  }

  /** left > right ? left : right. */
  vmaxps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x5f }, to, left, right);
  }

  vandps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x54 }, to, left, right);
  }

  vorps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 0, map: 1, opcode: 0x56 }, to, left, right);
  }

  vpaddd(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 1, map: 1, opcode: 0xfe }, to, left, right);
  }

  vpsubd(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 1, map: 1, opcode: 0xfa }, to, left, right);
  }

  /** to = left·to + right, rounded once. */
  vfmadd213ps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 1, map: 2, opcode: 0xa8 }, to, left, right);
  }

  /** to = right - left·to. */
  vfnmadd213ps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 1, map: 2, opcode: 0xac }, to, left, right);
  }

  /** to -= left·right. */
  vfnmadd231ps(to: Vector, left: Vector, right: Vector | Memory): void {
    this.vector({ prefix: 1, map: 2, opcode: 0xbc }, to, left, right);
  }

  /** Shifts each 32-bit element to the right and fills up with its sign. */
  vpsrad(to: Vector, from: Vector | Memory, count: number): void {
    this.vectorShift(4, to, from, count);
  }
}
