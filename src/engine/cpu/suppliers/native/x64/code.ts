/** Machine code under construction: bytes, and labels whose distances are filled in at the end. */

/** A place in the code, before or after it is known where. */
export class Label {
  /** Byte offset, -1 until the label is bound. */
  offset = -1;
}

/** Instructions of no effect, by length, as the processors' makers recommend them. */
const idle: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

export class Code {
  private bytes = new Uint8Array(4096);
  private length = 0;
  /** Places of 32-bit distances, counted from the byte behind them. */
  private readonly distances: { readonly at: number; readonly label: Label }[] = [];

  /** Bytes so far, the offset of what comes next. */
  get size(): number {
    return this.length;
  }

  emit(...values: number[]): void {
    if (this.length + values.length > this.bytes.length) {
      const larger = new Uint8Array(2 * (this.length + values.length));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    for (const value of values) this.bytes[this.length++] = value;
  }

  emit32(value: number): void {
    this.emit(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff);
  }

  /** The distance from the end of these four bytes to the label. */
  emitDistance(label: Label): void {
    this.distances.push({ at: this.length, label });
    this.emit32(0);
  }

  bind(label: Label): void {
    if (label.offset >= 0) throw new Error('a label is bound twice');
    label.offset = this.length;
  }

  /** Fills up to a multiple of `boundary`, a power of two, with instructions of no effect. */
  align(boundary: number): void {
    let missing = -this.length & (boundary - 1);
    while (missing > 0) {
      const next = Math.min(missing, idle.length - 1);
      this.emit(...idle[next]!);
      missing -= next;
    }
  }

  /** @throws Error where a label was never bound */
  finish(): Uint8Array {
    const code = this.bytes.slice(0, this.length);
    const view = new DataView(code.buffer);
    for (const { at, label } of this.distances) {
      if (label.offset < 0) throw new Error('a label is not bound');
      view.setInt32(at, label.offset - (at + 4), true);
    }
    return code;
  }
}
