/** The captions by people of a split's images: from the list beside the data where it is there, else from the HDF5 captions. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { captionTexts } from '../../data/captions.js';
import type { CaptionSplit } from '../../data/dataset.js';
import { referenceListName } from '../../data/folder-files.js';
import type { Vocabulary } from '../../data/vocabulary.js';
import { UserError } from '../../errors.js';
import { readReferences } from '../../evaluation/caption-files.js';
import type { ReferenceImage, ReferenceSet } from '../../evaluation/caption-sets.js';

/** In rising order of the images, which are rows of the split's inputs. */
export interface SplitReferences extends ReferenceSet {
  readonly images: readonly (ReferenceImage & { readonly image: number })[];
  /** What the user should know of captions that are taken from the HDF5 file; null where they are as people wrote them. */
  readonly note: string | null;
}

/**
 * @param from where the data is, and from which of its splits the images come; null for data without a folder
 * @throws UserError when the list is damaged or lacks an image
 */
export function referencesOf(
  split: CaptionSplit,
  vocabulary: Vocabulary,
  from: { readonly dir: string | null; readonly split: string },
): SplitReferences {
  const path = referenceList(from.dir, from.split);
  if (path !== null && existsSync(path)) return listedReferences(path, split);
  return decodedReferences(split, vocabulary, path);
}

function listedReferences(path: string, split: CaptionSplit): SplitReferences {
  const listed = new Map(readReferences(path).images.map((entry) => [String(entry.image), entry]));
  const images = imagesOf(split).map((image) => {
    const entry = listed.get(String(image));
    if (!entry || entry.captions.length === 0) {
      throw new UserError(
        `${path}: no captions of image ${image}, which has some in the HDF5 file. Take both from the same data set, or ` +
          'remove the list: references are then decoded from the HDF5 captions.',
      );
    }
    return { ...entry, image };
  });
  return { source: path, images, note: null };
}

function decodedReferences(split: CaptionSplit, vocabulary: Vocabulary, path: string | null): SplitReferences {
  const texts = captionTexts(split, vocabulary);
  return {
    source: `the captions of ${split.name}`,
    images: imagesOf(split).map((image) => ({
      image,
      file: split.urls?.[image] ?? null,
      captions: texts.get(image) ?? [],
    })),
    note: decodedNote(path),
  };
}

/** SHA-256 of the captions, wherever they come from; null for none. */
export function referencesChecksum(references: SplitReferences | null): string | null {
  if (references === null) return null;
  const content = references.images.map(({ image, captions }) => [image, captions]);
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** Where the references of a split are listed, if they are; null for data without a folder. */
export function referenceList(dir: string | null, split: string): string | null {
  return dir === null ? null : join(dir, referenceListName(split));
}

/** @param path the list that is not there; null for data without a folder */
export function decodedNote(path: string | null): string {
  const missing = path === null ? '' : `${path} is not there; `;
  return `${missing}references are decoded from the data's captions, whose <UNK> and cut ends change scores`;
}

function imagesOf({ imageIdxs }: CaptionSplit): number[] {
  return [...new Set(imageIdxs)].sort((a, b) => a - b);
}
