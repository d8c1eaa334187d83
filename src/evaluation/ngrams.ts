/**
 * Numbers for the n-grams of one order that images hold, so that they are counted without strings: an n-gram is known by
 * the number of its words but the last and by its last word. All that is kept of one lies together in memory, since with
 * millions of n-grams nearly every step is a miss of the processor's cache.
 */

/** Longest n-grams that BLEU and CIDEr count. */
export const orders = 4;

/** In place of the number of an n-gram that has none. */
export const none = -1;

// What a slot of the hash table holds of an n-gram.
const ofPrefix = 0;
const ofWord = 1;
/** Images that hold it; 0 marks a free slot. */
const ofFrequency = 2;
/** The last of these. */
const ofImage = 3;
const slotSize = 4;

const fewestSlots = 1 << 12;

/** Open addressing. */
export class NgramTable {
  private mask: number;
  private size = 0;

  constructor(private slotsOfTable: Int32Array = new Int32Array(slotSize * fewestSlots)) {
    this.mask = slotsOfTable.length / slotSize - 1;
  }

  /** What another thread makes the same table of. */
  get slots(): Int32Array {
    return this.slotsOfTable;
  }

  /** The n-gram's number, which changes where others are counted; `none` where it is not there. */
  find(prefix: number, word: number): number {
    const slot = this.slotOf(prefix, word);
    return this.slotsOfTable[slotSize * slot + ofFrequency] === 0 ? none : slot;
  }

  /** Images that hold an n-gram, by its number. */
  frequency(ngram: number): number {
    return this.slotsOfTable[slotSize * ngram + ofFrequency]!;
  }

  /** Counts an image that holds the n-gram, once however often it is counted; images come one after the other. */
  count(prefix: number, word: number, image: number): void {
    const at = slotSize * this.slotOf(prefix, word);
    const slots = this.slotsOfTable;
    if (slots[at + ofFrequency] === 0) {
      slots[at + ofPrefix] = prefix;
      slots[at + ofWord] = word;
      this.size++;
    } else if (slots[at + ofImage] === image) return;
    slots[at + ofFrequency]!++;
    slots[at + ofImage] = image;
    if (this.size > 0.7 * this.mask) this.slotsOfTable = this.moved(1, 2 * (this.mask + 1)).slotsOfTable;
    this.mask = this.slotsOfTable.length / slotSize - 1;
  }

  /** A table of those alone that two or more images hold, in memory that threads share. */
  ofSeveralImages(): NgramTable {
    let several = 0;
    for (let at = 0; at < this.slotsOfTable.length; at += slotSize) {
      if (this.slotsOfTable[at + ofFrequency]! > 1) several++;
    }
    let size = fewestSlots;
    while (size < 2 * several) size *= 2;
    return this.moved(2, size);
  }

  /** Those that so many images hold, in a table of so many slots. */
  private moved(fewestImages: number, size: number): NgramTable {
    const table = new NgramTable(new Int32Array(new SharedArrayBuffer(4 * slotSize * size)));
    const from = this.slotsOfTable;
    const to = table.slotsOfTable;
    for (let at = 0; at < from.length; at += slotSize) {
      if (from[at + ofFrequency]! < fewestImages) continue;
      const place = slotSize * table.slotOf(from[at + ofPrefix]!, from[at + ofWord]!);
      for (let i = 0; i < slotSize; i++) to[place + i] = from[at + i]!;
    }
    return table;
  }

  /** Where the n-gram is, or where it would be put. */
  private slotOf(prefix: number, word: number): number {
    const { slotsOfTable: slots, mask } = this;
    let hash = Math.imul(prefix + 1, 0x9e3779b1) ^ Math.imul(word + 1, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    for (let slot = (hash ^ (hash >>> 13)) & mask; ; slot = (slot + 1) & mask) {
      const at = slotSize * slot;
      if (slots[at + ofFrequency] === 0 || (slots[at + ofPrefix] === prefix && slots[at + ofWord] === word))
        return slot;
    }
  }
}
