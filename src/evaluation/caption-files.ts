/**
 * Reads captions that others made: candidates in COCO's results format, references as COCO annotations or as the lists
 * that stand beside a data set in CS231n's layout (`val_refs.json`). Entries are counted from 0.
 */
import { quote } from '../data/quote.js';
import { readJson } from '../data/text-file.js';
import { UserError } from '../errors.js';
import type { CandidateSet, ImageId, ReferenceImage, ReferenceSet } from './caption-sets.js';

/** COCO's own files have 67 to 92 MB. */
const largestBytes = 400 << 20;

/**
 * `[{"image_id": 1, "caption": "…"}, …]`
 *
 * @throws UserError when the file cannot be read or holds something else
 */
export function readCandidates(path: string): CandidateSet {
  const json = readJson(path, largestBytes);
  if (!Array.isArray(json)) {
    throw new UserError(
      `${path}: ${quote(json)}, where a list of {image_id, caption} is expected, COCO's results format.`,
    );
  }
  return {
    source: path,
    captions: json.map((entry, i) => captionOf(entry, `${path}: entry ${i}`)),
  };
}

/**
 * `{"annotations": [{"image_id": 1, "caption": "…"}, …]}` with or without `"images": [{"id": 1, "file_name": "…"}, …]`,
 * or `[{"image_idx": 0, "file": "…", "captions": ["…", …]}, …]`.
 *
 * @throws UserError when the file cannot be read or holds something else
 */
export function readReferences(path: string): ReferenceSet {
  const json = readJson(path, largestBytes);
  if (Array.isArray(json))
    return { source: path, images: json.map((entry, i) => listedImage(entry, `${path}: entry ${i}`)) };
  const { annotations, images } = fieldsOf(json);
  if (Array.isArray(annotations)) return { source: path, images: annotatedImages(path, annotations, images) };
  throw new UserError(
    `${path}: ${quote(json)}, where references are expected: COCO annotations, {"annotations": […]}, ` +
      'or a list of {image_idx, captions}.',
  );
}

function listedImage(entry: unknown, where: string): ReferenceImage {
  const { image_idx: image, file, captions } = fieldsOf(entry);
  if (!isImageId(image) || !isTexts(captions) || (file !== undefined && typeof file !== 'string')) {
    throw new UserError(
      `${where} is ${quote(entry)}, where {"image_idx": 0, "file": "…", "captions": ["…", …]} is expected.`,
    );
  }
  return { image, file: file ?? null, captions };
}

function annotatedImages(path: string, annotations: readonly unknown[], listed: unknown): ReferenceImage[] {
  const images = new Map<string, { image: ImageId; file: string | null; captions: string[] }>();
  if (Array.isArray(listed)) {
    listed.forEach((entry, i) => {
      const { id: image, file_name: file } = fieldsOf(entry);
      if (!isImageId(image)) {
        throw new UserError(
          `${path}: images, entry ${i} is ${quote(entry)}, where {"id": 1, "file_name": "…"} is expected.`,
        );
      }
      images.set(String(image), { image, file: typeof file === 'string' ? file : null, captions: [] });
    });
  }
  annotations.forEach((entry, i) => {
    const { image, caption } = captionOf(entry, `${path}: annotations, entry ${i}`);
    const of = images.get(String(image));
    if (of === undefined) images.set(String(image), { image, file: null, captions: [caption] });
    else of.captions.push(caption);
  });
  return [...images.values()];
}

function captionOf(entry: unknown, where: string): { image: ImageId; caption: string } {
  const { image_id: image, caption } = fieldsOf(entry);
  if (isImageId(image) && typeof caption === 'string') return { image, caption };
  throw new UserError(`${where} is ${quote(entry)}, where {"image_id": 1, "caption": "…"} is expected.`);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isImageId(value: unknown): value is ImageId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
