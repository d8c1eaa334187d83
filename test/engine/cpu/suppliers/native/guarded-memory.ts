/** Memory between pages that cannot be touched: one byte too many, read or written, ends the process. */
import { koffi } from '../../../../../src/foreign/koffi.js';

const pageBytes = 4096;

/** At which end of the memory an operand lies, so that the first or the last byte too many is caught. */
export type Side = 'start' | 'end';

interface Guarded<Values> {
  readonly address: number;
  readonly values: Values;
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
  floats(count: number, side: Side): Guarded<Float32Array<ArrayBuffer>> {
    const { address, buffer } = this.place(count * 4, side);
    return { address, values: new Float32Array(buffer, 0, count) };
  }

  /** `count` halves of floats at this side, not initialised. */
  halves(count: number, side: Side): Guarded<Uint16Array<ArrayBuffer>> {
    const { address, buffer } = this.place(count * 2, side);
    return { address, values: new Uint16Array(buffer, 0, count) };
  }

  private place(bytes: number, side: Side): { address: number; buffer: ArrayBuffer } {
    if (bytes > this.bytes) throw new Error(`${bytes} bytes do not fit ${this.bytes}`);
    const address = side === 'start' ? this.first : this.first + this.bytes - bytes;
    return { address, buffer: koffi().view(BigInt(address), Math.max(bytes, 1)) };
  }
}
