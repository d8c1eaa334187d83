/** Constants of generated code, a vector of each. */
import type { Assembler } from './assembler.js';
import { at, type Gpr, type Memory } from './operands.js';
import type { VectorSet } from './vector-set.js';

export class ConstantTable {
  /** By the bits of a lane. */
  private readonly places = new Map<number, number>();

  /**
   * @param base points to the table wherever a constant is read
   * @param first byte of the first constant in it
   */
  constructor(
    private readonly set: VectorSet,
    private readonly base: Gpr,
    private readonly first: number,
  ) {}

  operand(bits: number): Memory {
    const place = this.places.get(bits) ?? this.places.size;
    this.places.set(bits, place);
    return at(this.base, this.first + place * this.set.bytes);
  }

  /** After everything that reads constants. */
  emit(asm: Assembler): void {
    for (const bits of this.places.keys()) {
      for (let lane = 0; lane < this.set.bytes / 4; lane++) asm.emit32(bits);
    }
  }
}
