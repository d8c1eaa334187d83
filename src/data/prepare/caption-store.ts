/** Captions by the hundred thousand: their texts in one long array, without an object a caption. */
import { IntList } from '../int-list.js';

export class CaptionStore {
  /** Names of the images, by number, in the order in which they were added. */
  readonly images: string[] = [];
  private readonly imageNumbers = new Map<string, number>();
  /** Of each caption: its image, and where its text ends. */
  private readonly imageOf = new IntList();
  private readonly ends = new IntList([0]);
  /** UTF-8 */
  private texts = Buffer.alloc(1 << 20);

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

  add(image: number, caption: string): void {
    const from = this.ends.array[this.count]!;
    const end = from + Buffer.byteLength(caption);
    if (end > this.texts.length) {
      const larger = Buffer.alloc(Math.max(end, 2 * this.texts.length));
      this.texts.copy(larger, 0, 0, from);
      this.texts = larger;
    }
    this.texts.write(caption, from);
    this.ends.push(end);
    this.imageOf.push(image);
  }

  imageOfCaption(caption: number): number {
    return this.imageOf.array[caption]!;
  }

  /** As it was written. */
  textOfCaption(caption: number): string {
    return this.texts.toString('utf8', this.ends.array[caption]!, this.ends.array[caption + 1]!);
  }
}
