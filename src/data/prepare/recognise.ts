/** Tells the format of captions by what a file begins with, whatever its name. */
import { UserError } from '../../errors.js';
import { quote } from '../quote.js';
import type { CaptionFormat } from './caption-entry.js';
import { coco } from './coco.js';
import { csv, isHeader } from './csv.js';
import { imageLinesOf } from './image-lines.js';
import { jsonLines } from './json-lines.js';
import { karpathy } from './karpathy.js';
import { headOf, type TextSource } from './text-source.js';

/** @throws UserError when the file cannot be read or is none of the formats */
export async function recognise(file: TextSource): Promise<CaptionFormat> {
  const head = await headOf(file);
  const firstLine = /\S.*/.exec(head)?.[0] ?? '';
  if (firstLine === '') throw new UserError(`${file.path}: no captions; the file is empty.`);
  const format = head.trimStart().startsWith('{') ? jsonFormat(head, firstLine) : textFormat(firstLine);
  if (format !== null) return format;
  throw new UserError(
    `${file.path}: it begins with ${quote(firstLine)}, where captions are expected: COCO's captions_*.json, Karpathy's ` +
      'dataset_*.json, JSON Lines of {"image": "…", "caption": "…"}, CSV with the columns image and caption, a Flickr ' +
      'token file, or lines of an image file and its caption.',
  );
}

function jsonFormat(head: string, firstLine: string): CaptionFormat | null {
  if (/"sent(?:ences|ids)"\s*:/.test(head)) return karpathy;
  if (/"(?:images|annotations)"\s*:\s*\[/.test(head)) return coco;
  // An object that ends on its first line is one of several, or a line that was cut short.
  return /"(?:image|caption)"\s*:/.test(firstLine) ? jsonLines : null;
}

function textFormat(firstLine: string): CaptionFormat | null {
  return isHeader(firstLine) ? csv : imageLinesOf(firstLine);
}
