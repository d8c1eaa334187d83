/** Step numbers, a bit each: a `Set` holds no more than 2^24 numbers, and a run may have more steps. */
const bitsOfPage = 2 ** 16;

export class StepSet {
  size = 0;
  private readonly pages = new Map<number, Uint8Array>();

  /** @returns false where the step was there already, or is no whole number from 1 on */
  add(step: number): boolean {
    if (!Number.isSafeInteger(step) || step < 1) return false;
    const number = Math.floor(step / bitsOfPage);
    let page = this.pages.get(number);
    if (!page) {
      page = new Uint8Array(bitsOfPage / 8);
      this.pages.set(number, page);
    }
    const bit = step % bitsOfPage;
    const mask = 1 << (bit & 7);
    if ((page[bit >> 3]! & mask) !== 0) return false;
    page[bit >> 3]! |= mask;
    this.size++;
    return true;
  }
}
