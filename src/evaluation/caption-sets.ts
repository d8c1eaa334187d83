/** Candidates and references as they are scored: each candidate beside the references of its image. */
import { quote } from '../data/quote.js';
import { UserError } from '../errors.js';

/** Captions to be scored, one an image. */
export interface CandidateSet {
  /** Where they come from, for messages: a path. */
  readonly source: string;
  readonly captions: readonly CandidateCaption[];
}

export interface CandidateCaption {
  readonly image: ImageId;
  readonly caption: string;
}

/** Captions by people, one or more an image. */
export interface ReferenceSet {
  readonly source: string;
  readonly images: readonly ReferenceImage[];
}

export interface ReferenceImage {
  readonly image: ImageId;
  /** Its file, where that is known. */
  readonly file: string | null;
  readonly captions: readonly string[];
}

/** `12` and `"12"` are the same image. */
export type ImageId = number | string;

/** An image with its candidate. */
export interface CaptionedImage extends ReferenceImage {
  readonly candidate: string;
}

/**
 * Each image once, in rising order of its id, so that no order of entries changes a score.
 *
 * @throws UserError when an image is there twice, or has only a candidate or only references, or none of either
 */
export function pairCaptions(candidates: CandidateSet, references: ReferenceSet): CaptionedImage[] {
  const { source } = references;
  if (candidates.captions.length === 0) throw new UserError(`${candidates.source}: holds no captions.`);
  checkReferences(references);
  const candidateOf = entriesByImage(candidates.source, candidates.captions);
  const referencesOf = entriesByImage(source, references.images);
  const strangers = candidates.captions.filter(({ image }) => !referencesOf.has(String(image)));
  if (strangers.length > 0) {
    const [{ image }] = strangers as [CandidateCaption];
    throw new UserError(
      `${candidates.source}: entry ${candidateOf.get(String(image))} is of image ${quote(image)}, which has no references in ` +
        `${source} (${strangers.length} of ${candidates.captions.length} entries). Take both from the same images.`,
    );
  }
  const missing = references.images.filter(({ image }) => !candidateOf.has(String(image)));
  if (missing.length > 0) {
    const [{ image }] = missing as [ReferenceImage];
    throw new UserError(
      `${candidates.source}: no caption of image ${quote(image)}, which is entry ${referencesOf.get(String(image))} of ` +
        `${source} (${missing.length} of ${references.images.length} images). Caption every image, or leave it out there.`,
    );
  }
  return references.images
    .map((image) => ({ ...image, candidate: candidates.captions[candidateOf.get(String(image.image))!]!.caption }))
    .sort((a, b) => compareIds(a.image, b.image));
}

/** @throws UserError when an image has no captions, or is there twice */
export function checkReferences({ source, images }: ReferenceSet): void {
  if (images.length === 0) throw new UserError(`${source}: holds no captions.`);
  entriesByImage(source, images);
  const bare = images.findIndex(({ captions }) => captions.length === 0);
  if (bare >= 0) {
    throw new UserError(
      `${source}: image ${quote(images[bare]!.image)}, entry ${bare}, has no captions; expected one or more.`,
    );
  }
}

function entriesByImage(source: string, entries: readonly { readonly image: ImageId }[]): Map<string, number> {
  const entryOf = new Map<string, number>();
  entries.forEach(({ image }, entry) => {
    const other = entryOf.get(String(image));
    if (other !== undefined) {
      throw new UserError(
        `${source}: entries ${other} and ${entry} are both of image ${quote(image)}; each image has one.`,
      );
    }
    entryOf.set(String(image), entry);
  });
  return entryOf;
}

/** Whole numbers by size and before other ids, which go by their characters. */
function compareIds(a: ImageId, b: ImageId): number {
  const [x, y] = [String(a), String(b)];
  const [numberX, numberY] = [x, y].map((id) => /^\d{1,15}$/.test(id));
  if (numberX && numberY) return Number(x) - Number(y) || (x < y ? -1 : 1);
  if (numberX !== numberY) return numberX ? -1 : 1;
  return x < y ? -1 : 1;
}
