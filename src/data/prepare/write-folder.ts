/** Writes a data folder in CS231n's layout, all of it but the features. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TrainingError } from '../../errors.js';
import { AtomicFile, syncFile } from '../../files/atomic-file.js';
import { captionFileName, imageListName, referenceListName, urlFileName, vocabularyFileName } from '../folder-files.js';
import { Hdf5Failure, Hdf5Thread } from '../hdf5-client.js';
import type { CaptionStore } from './caption-store.js';
import { type CaptionEncoder, encodedBlocks } from './encode.js';
import type { PreparedSplit, SplitRows } from './split-rows.js';

export interface FolderContent {
  readonly store: CaptionStore;
  /** The absolute path of an image, by the store's number. */
  readonly pathOf: (image: number) => string;
  readonly idxToWord: readonly string[];
  readonly encoder: CaptionEncoder;
  /** Those that have captions. */
  readonly splits: readonly PreparedSplit[];
}

/**
 * Adds what is counted while captions are encoded to the counts of their splits.
 *
 * @param folder empty
 * @throws the error of the system call that failed, or TrainingError when the HDF5 library fails
 */
export async function writeFolder(folder: string, content: FolderContent): Promise<void> {
  const { store, pathOf, idxToWord, splits } = content;
  await writeCaptions(join(folder, captionFileName), content);
  const wordToIdx = Object.fromEntries(idxToWord.map((word, id) => [word, id]));
  writeText(join(folder, vocabularyFileName), [JSON.stringify({ idx_to_word: idxToWord, word_to_idx: wordToIdx })]);
  for (const { name, ...rows } of splits) {
    writeText(join(folder, imageListName(name)), linesOf(rows, pathOf));
    writeText(
      join(folder, urlFileName(name)),
      linesOf(rows, (image) => pathToFileURL(pathOf(image)).href),
    );
    writeText(join(folder, referenceListName(name)), referenceLines(store, rows));
  }
}

async function writeCaptions(path: string, { store, encoder, splits }: FolderContent): Promise<void> {
  const tables = splits.flatMap(({ name, captions, imageIdxs, counts }) => [
    {
      name: `${name}_captions`,
      shape: [captions.length, encoder.columns],
      blocks: encodedBlocks(encoder, store, captions, counts),
    },
    { name: `${name}_image_idxs`, shape: [imageIdxs.length], blocks: [imageIdxs] },
  ]);
  const thread = new Hdf5Thread();
  try {
    await thread.write(path, tables);
  } catch (error) {
    if (!(error instanceof Hdf5Failure)) throw error;
    throw new TrainingError(
      `${path}: cannot be written as HDF5 (${error.message}). Is there room on the disk and in memory?`,
    );
  } finally {
    await thread.close();
  }
  syncFile(path);
}

function* linesOf({ images }: SplitRows, text: (image: number) => string): Generator<string> {
  for (const image of images) yield `${text(image)}\n`;
}

/** `[{"image_idx": 0, "file": "…", "captions": ["…", …]}, …]`, an image a line. */
function* referenceLines(store: CaptionStore, { images, captions, imageIdxs }: SplitRows): Generator<string> {
  yield '[\n';
  for (let row = 0, at = 0; row < images.length; row++) {
    const texts: string[] = [];
    for (; imageIdxs[at] === row; at++) texts.push(store.textOfCaption(captions[at]!));
    const entry = { image_idx: row, file: store.images[images[row]!], captions: texts };
    yield `${JSON.stringify(entry)}${row + 1 < images.length ? ',' : ''}\n`;
  }
  yield ']\n';
}

/** Characters that are written at once. */
const piece = 1 << 16;

function writeText(path: string, parts: Iterable<string>): void {
  const file = new AtomicFile(path);
  try {
    let text = '';
    for (const part of parts) {
      text += part;
      if (text.length < piece) continue;
      file.append(Buffer.from(text));
      text = '';
    }
    file.append(Buffer.from(text));
    file.commit();
  } catch (error) {
    file.abandon();
    throw error;
  }
}
