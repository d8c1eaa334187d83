/** What every format of captions comes down to. */
import type { FolderSplit } from '../dataset.js';
import type { TextSource } from './text-source.js';

export interface CaptionEntry {
  /** The image's file, as the captions name it. */
  readonly image: string;
  readonly caption: string;
  /** Null where the captions do not say. */
  readonly split: FolderSplit | null;
  /** The line of a text, from 1, or the place in a list, from 0. */
  readonly at: number;
}

/** What a reader tells, in the order of the file. */
export interface CaptionSink {
  caption(entry: CaptionEntry): void;
  /** A list of images has this one a second time. */
  listedTwice(image: string): void;
  /** A word for a split that was taken for one of recap's own, such as "dev". */
  splitTaken(word: string, split: FolderSplit): void;
}

/** One way to write captions down. */
export interface CaptionFormat {
  /** As reports call it. */
  readonly name: string;
  /** How messages name a place of it. */
  place(path: string, at: number): string;
  /** @throws UserError naming the place of what cannot be read */
  read(file: TextSource, sink: CaptionSink): Promise<void>;
}
