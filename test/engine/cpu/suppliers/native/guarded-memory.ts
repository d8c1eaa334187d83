/** Memory between pages that cannot be touched: one byte too many, read or written, ends the process. */
import { koffi } from '../../../../../src/engine/cpu/suppliers/blas/koffi.js';

const pageBytes = 4096;

/** At which end of the memory an operand lies, so that the first or the last byte too many is caught. */
export type Side = 'start' | 'end';

export interface GuardedFloats {
  readonly address: number;
  readonly values: Float32Array<ArrayBuffer>;
}

export class GuardedMemory {
  private readonly first: number;
  private readonly bytes: number;

  constructor(bytes: number) {
    const libc = koffi().load(null);
    const mmap = libc.func(
      'intptr_t mmap(uintptr_t at, size_t bytes, int access, int flags, int file, int64_t offset)',
    );
    const mprotect = libc.func('int mprotect(uintptr_t at, size_t bytes, int access)');
    this.bytes = Math.ceil(bytes / pageBytes) * pageBytes;
    const at: number = mmap(0, this.bytes + 2 * pageBytes, 0, 0x22, -1, 0);
    this.first = at + pageBytes;
    if (at === -1 || mprotect(this.first, this.bytes, 3) !== 0) throw new Error('no memory for the test');
  }

  /** `count` floats at this side, not initialised. */
  floats(count: number, side: Side): GuardedFloats {
    if (count * 4 > this.bytes) throw new Error(`${count} floats do not fit ${this.bytes} bytes`);
    const address = side === 'start' ? this.first : this.first + this.bytes - count * 4;
    const buffer = koffi().view(BigInt(address), Math.max(count * 4, 1));
    return { address, values: new Float32Array(buffer, 0, count) };
  }
}
