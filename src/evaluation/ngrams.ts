/**
 * Numbers for n-grams, so that captions are compared without strings: an n-gram is a node below that of its words but
 * the last, as in a tree of prefixes. Node 0 is the empty n-gram. All that is kept of one lies together in memory, since
 * with millions of n-grams nearly every step is a miss of the processor's cache.
 */
import { IntList } from '../data/int-list.js';

/** Longest n-grams that BLEU and CIDEr count. */
export const orders = 4;

// What a slot of the hash table holds of an n-gram behind its node, a number each.
const ofParent = 1;
const ofWord = 2;
/** Images that hold it. */
const ofFrequency = 3;
/** The last of these, plus 1. */
const ofImage = 4;
/** How often the caption that is being counted holds it. */
const ofTimes = 5;
const slotSize = 8;

/** The different n-grams of captions, one caption behind the other, by order, those of an order as they first occur. */
export class NgramLists {
  readonly nodes = new IntList();
  /** How often the caption holds each. */
  readonly times = new IntList();
  /** (captions, 4) where those of each order end; one more number, 0, stands before. */
  readonly ends = new IntList([0]);
}

export class NgramTable {
  /** Open addressing; a node of 0 marks a free slot. */
  private slots = new Int32Array(slotSize << 12);
  private mask = (1 << 12) - 1;
  /** Nodes so far, the empty n-gram among them. */
  size = 1;

  /** The node of an n-gram followed by a word; 0 where there is none. */
  find(parent: number, word: number): number {
    return this.slots[this.slotOf(parent, word)]!;
  }

  /**
   * Adds the n-grams of a caption to the table and to the lists.
   *
   * @param image counted once as one that holds each of them, however many of its captions do; images come one after the
   * other, numbered from 0. Null counts none.
   */
  add(words: Int32Array, lists: NgramLists, image: number | null): void {
    this.reserve(orders * words.length);
    const { slots } = this;
    const prefixes = new Int32Array(words.length);
    let first = lists.nodes.length;
    // Until all of an order are counted, `nodes` holds their slots.
    for (let order = 1; order <= orders; order++) {
      for (let start = 0; start + order <= words.length; start++) {
        const slot = this.findOrAdd(prefixes[start]!, words[start + order - 1]!);
        prefixes[start] = slots[slot]!;
        if (slots[slot + ofTimes]!++ === 0) lists.nodes.push(slot);
      }
      for (; first < lists.nodes.length; first++) {
        const slot = lists.nodes.array[first]!;
        lists.nodes.array[first] = slots[slot]!;
        lists.times.push(slots[slot + ofTimes]!);
        slots[slot + ofTimes] = 0;
        if (image === null || slots[slot + ofImage] === image + 1) continue;
        slots[slot + ofImage] = image + 1;
        slots[slot + ofFrequency]!++;
      }
      lists.ends.push(first);
    }
  }

  /** (nodes) images that were counted to hold each. */
  frequencies(): Int32Array {
    const frequencies = new Int32Array(this.size);
    for (let slot = 0; slot < this.slots.length; slot += slotSize) {
      frequencies[this.slots[slot]!] = this.slots[slot + ofFrequency]!;
    }
    return frequencies;
  }

  /** The slot of an n-gram followed by a word. */
  private findOrAdd(parent: number, word: number): number {
    const { slots } = this;
    const slot = this.slotOf(parent, word);
    if (slots[slot] !== 0) return slot;
    slots[slot] = this.size++;
    slots[slot + ofParent] = parent;
    slots[slot + ofWord] = word;
    return slot;
  }

  /** Where the n-gram is, or where it would be put. */
  private slotOf(parent: number, word: number): number {
    const { slots, mask } = this;
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(word + 1, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    for (let slot = (hash ^ (hash >>> 13)) & mask; ; slot = (slot + 1) & mask) {
      const at = slotSize * slot;
      if (slots[at] === 0 || (slots[at + ofParent] === parent && slots[at + ofWord] === word)) return at;
    }
  }

  /** Makes room for so many more, beforehand, since it moves every slot. */
  private reserve(more: number): void {
    while (this.size + more > 0.7 * this.mask) {
      const { slots } = this;
      this.mask = 2 * this.mask + 1;
      this.slots = new Int32Array(slotSize * (this.mask + 1));
      for (let from = 0; from < slots.length; from += slotSize) {
        if (slots[from] === 0) continue;
        const to = this.slotOf(slots[from + ofParent]!, slots[from + ofWord]!);
        for (let i = 0; i < slotSize; i++) this.slots[to + i] = slots[from + i]!;
      }
    }
  }
}
