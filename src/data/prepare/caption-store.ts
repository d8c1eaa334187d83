/** Captions by the hundred thousand: texts and words in a few long arrays, without an object a caption. */
import { IntList } from '../int-list.js';

export class CaptionStore {
  /** Names of the images, by number, in the order in which they were added. */
  readonly images: string[] = [];
  /** The distinct words of all captions, by number. */
  readonly words: string[] = [];
  private readonly imageNumbers = new Map<string, number>();
  private readonly wordNumbers = new Map<string, number>();
  /** Of each caption: its image, and where its text and its words end. */
  private readonly imageOf = new IntList();
  private readonly textEnds = new IntList([0]);
  private readonly wordEnds = new IntList([0]);
  private readonly wordsOf = new IntList();
  private text = Buffer.alloc(1 << 20);

  /** Captions so far. */
  get count(): number {
    return this.imageOf.length;
  }

  /** The number, from 0, of an image that was added; undefined for another. */
  imageNumber(name: string): number | undefined {
    return this.imageNumbers.get(name);
  }

  /** @returns its number */
  addImage(name: string): number {
    const number = this.images.push(name) - 1;
    this.imageNumbers.set(name, number);
    return number;
  }

  add(image: number, caption: string, words: readonly string[]): void {
    this.imageOf.push(image);
    this.appendText(caption);
    for (const word of words) this.wordsOf.push(this.word(word));
    this.wordEnds.push(this.wordsOf.length);
  }

  imageOfCaption(caption: number): number {
    return this.imageOf.array[caption]!;
  }

  /** As it was written. */
  textOfCaption(caption: number): string {
    return this.text.toString('utf8', this.textEnds.array[caption]!, this.textEnds.array[caption + 1]!);
  }

  /** The numbers of its words. */
  wordsOfCaption(caption: number): Int32Array {
    return this.wordsOf.part(this.wordEnds.array[caption]!, this.wordEnds.array[caption + 1]!);
  }

  private word(word: string): number {
    let number = this.wordNumbers.get(word);
    if (number === undefined) {
      number = this.words.push(word) - 1;
      this.wordNumbers.set(word, number);
    }
    return number;
  }

  private appendText(text: string): void {
    const from = this.textEnds.array[this.count - 1]!;
    const bytes = Buffer.byteLength(text);
    if (from + bytes > this.text.length) {
      const larger = Buffer.alloc(2 * (from + bytes));
      this.text.copy(larger, 0, 0, from);
      this.text = larger;
    }
    this.text.write(text, from);
    this.textEnds.push(from + bytes);
  }
}
