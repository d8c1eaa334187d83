/** Takes in captions of any format: those whose image is there and that have words. */
import { normalize, resolve } from 'node:path';
import { UserError } from '../../errors.js';
import { type FolderSplit, folderSplits } from '../dataset.js';
import { IntList } from '../int-list.js';
import { quote } from '../quote.js';
import type { Tokeniser } from '../word-tokens.js';
import type { CaptionEntry, CaptionFormat, CaptionSink } from './caption-entry.js';
import { CaptionStore } from './caption-store.js';
import { isFile } from './image-files.js';

/** Something that is counted, and its first few cases. */
export class Tally {
  count = 0;
  readonly examples: string[] = [];

  add(example: () => string): void {
    this.count++;
    if (this.examples.length < 3) this.examples.push(example());
  }
}

/** A file that captions come from. */
export interface CaptionFile {
  readonly path: string;
  readonly format: CaptionFormat;
  /** Of captions that do not say themselves. */
  readonly split: FolderSplit | null;
}

/** In place of an image's split. */
const unknown = -1;

export class Collection {
  readonly store = new CaptionStore();
  /** Images that no folder has. */
  readonly missing = new Tally();
  captionsOfMissing = 0;
  readonly wordless = new Tally();
  readonly listedTwice = new Tally();
  /** Words for splits that are not recap's own, and what they were taken for. */
  readonly splitWords = new Map<string, FolderSplit>();
  private readonly missingNames = new Set<string>();
  /** Of each image: which folder has it. */
  private readonly folderOf = new IntList();
  /** Of each image: a place in folderSplits, or -1. */
  private readonly splitOf = new IntList();
  private hasSplits: boolean | null = null;

  /** @param folders in which images are looked for, one after another */
  constructor(
    private readonly tokenise: Tokeniser,
    private readonly folders: readonly string[],
  ) {}

  /** The split of each image, a place in folderSplits; null where the captions do not say. */
  get splits(): Int32Array | null {
    return this.hasSplits ? this.splitOf.part(0, this.store.images.length) : null;
  }

  /** The absolute path of an image. */
  pathOf(image: number): string {
    return resolve(this.folders[this.folderOf.array[image]!]!, this.store.images[image]!);
  }

  /** Where a reader of the file puts what it finds. */
  sinkOf(file: CaptionFile): CaptionSink {
    return {
      caption: (entry) => this.take(file, entry),
      listedTwice: (image) => this.listedTwice.add(() => image),
      splitTaken: (word, split) => this.splitWords.set(word, split),
    };
  }

  private take({ path, format, split: fileSplit }: CaptionFile, entry: CaptionEntry): void {
    const place = () => format.place(path, entry.at);
    const written = normalize(entry.image.trim());
    const found = this.imageNamed(written, place);
    if (found === null) {
      this.captionsOfMissing++;
      return;
    }
    const { name, folder } = found;
    let image = this.store.imageNumber(name);
    if (this.tokenise(entry.caption).length === 0) {
      this.wordless.add(() => `${place()}: ${quote(entry.caption)}`);
      return;
    }
    if (image === undefined) {
      image = this.store.addImage(name);
      this.folderOf.push(folder);
      this.splitOf.push(unknown);
    }
    this.noteSplit(image, entry.split ?? fileSplit, place);
    this.store.add(image, entry.caption);
  }

  /** The name of an image's file and its folder; null, and counted, where no folder has it. */
  private imageNamed(written: string, place: () => string): { name: string; folder: number } | null {
    const known = this.store.imageNumber(written);
    if (known !== undefined) return { name: written, folder: this.folderOf.array[known]! };
    if (this.missingNames.has(written)) return null;
    if (/[\r\n]/.test(written)) {
      throw new UserError(`${place()}: the image name ${quote(written)} has a line break. Rename the image.`);
    }
    for (const name of spellings(written)) {
      const folder = this.folders.findIndex((each) => isFile(resolve(each, name)));
      if (folder >= 0) return { name, folder };
    }
    this.missingNames.add(written);
    this.missing.add(() => `${written} (${place()})`);
    return null;
  }

  private noteSplit(image: number, split: FolderSplit | null, place: () => string): void {
    this.hasSplits ??= split !== null;
    const name = this.store.images[image];
    if (this.hasSplits !== (split !== null)) {
      throw new UserError(
        `${place()}: ${quote(name)} has ${split === null ? 'no' : 'a'} split, unlike the captions before it. Give every ` +
          'caption a split, or none.',
      );
    }
    if (split === null) return;
    const number = folderSplits.indexOf(split);
    const before = this.splitOf.array[image]!;
    this.splitOf.array[image] = number;
    if (before === unknown || before === number) return;
    throw new UserError(
      `${place()}: ${quote(name)} is in ${split} here, and in ${folderSplits[before]} before. An image belongs to one split.`,
    );
  }
}

/**
 * As it is written, and as another system would have written it: accents as marks of their own are what macOS makes of
 * names, and backslashes part folders on Windows.
 */
function spellings(name: string): readonly string[] {
  const all = [name, name.replaceAll('\\', '/')].flatMap((each) => [
    each,
    each.normalize('NFC'),
    each.normalize('NFD'),
  ]);
  return [...new Set(all)];
}
