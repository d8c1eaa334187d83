/**
 * An image and a caption a line: the token files of Flickr8k and Flickr30k (`image.jpg#0`, a tab, the caption), and a
 * `captions.txt` without a header.
 */
import { UserError } from '../../errors.js';
import { quote } from '../quote.js';
import type { CaptionFormat } from './caption-entry.js';
import { linePlace, readLines } from './text-source.js';

/** Name, number and caption of a token file's line. */
const token = /^(.+?)#\d+\t(.*)$/s;

/** What may stand between image and caption; the first of these behind the image's ending counts. */
const separated = /^(.+?\.(?:jpe?g|png|gif|webp|bmp|tiff?|avif|hei[cf]))\s*[\t,;| ]\s*(.*)$/is;

function format(name: string, pattern: RegExp, expected: string): CaptionFormat {
  return {
    name,
    place: linePlace,
    read: (file, sink) =>
      readLines(file, (line, at) => {
        if (line.trim() === '') return;
        const [, image, caption] = pattern.exec(line) ?? [];
        if (image === undefined || caption === undefined) {
          throw new UserError(`${linePlace(file.path, at)}: ${quote(line)}, where ${expected} is expected.`);
        }
        sink.caption({ image, caption, split: null, at });
      }),
  };
}

export const tokenFile = format('Flickr tokens', token, '"image.jpg#0", a tab and the caption');

export const captionLines = format(
  'lines of image and caption',
  separated,
  'an image file, a tab or comma, and its caption',
);

/** Which of the two a file is, by its first line; null if neither. */
export function imageLinesOf(firstLine: string): CaptionFormat | null {
  if (token.test(firstLine)) return tokenFile;
  return separated.test(firstLine) ? captionLines : null;
}
