/** The report of `recap prepare`. */
import type { PreparationReport } from '../data/prepare/preparation-report.js';

const origins = {
  captions: 'as the captions say',
  lists: 'as the lists say',
  drawn: 'drawn by image',
};

export function preparationLines(report: PreparationReport): string[] {
  const { files, splits, splitsFrom, splitWords, vocabulary, distinctWords } = report;
  const words = [...splitWords].map(([word, split]) => `, ${word} taken as ${split}`).join('');
  return [
    ...files.map(
      ({ path, format, split }) => `captions    ${path} (${format}${split ? `, by its name ${split}` : ''})`,
    ),
    `splits      ${origins[splitsFrom]}${words}`,
    `vocabulary  V = ${number(vocabulary)} with the 4 special tokens, of ${number(distinctWords)} distinct words in the training captions`,
    ...remarks(report),
    ...(splits.some(({ name }) => name === 'val') ? [] : ['note        no validation split: train with data.holdOut']),
    '',
    row(['', 'images', 'captions', 'words', 'unknown', '', 'cut', '']),
    ...splits.map(({ name, images, captions, words, unknown, cut }) =>
      row([
        name,
        ...[images, captions, words, unknown].map(number),
        share(unknown, words),
        number(cut),
        share(cut, captions),
      ]),
    ),
    '',
    ...report.samples.flatMap(({ image, caption, row }) => [
      `  ${image}  ${caption}`,
      `  ${' '.repeat(image.length)}  ${row}`,
    ]),
  ];
}

/** What is not in the folder, or twice in it. */
function remarks(report: PreparationReport): string[] {
  const { missingImages, captionsOfMissing, wordless, listedTwice, repeatedCaptions } = report;
  const { unlistedImages, listedWithoutCaptions } = report;
  const cases: [number, string, string][] = [
    [
      missingImages.count,
      `missing     ${of(missingImages.count, 'image is', 'images are')} not there, left out with ${of(captionsOfMissing, 'caption', 'captions')}`,
      such(missingImages),
    ],
    [
      wordless.count,
      `empty       ${of(wordless.count, 'caption', 'captions')} without a word, left out`,
      such(wordless),
    ],
    [unlistedImages, `unlisted    ${of(unlistedImages, 'image is', 'images are')} in no list, left out`, ''],
    [
      listedWithoutCaptions,
      `unused      ${of(listedWithoutCaptions, 'image of the lists has', 'images of the lists have')} no captions`,
      '',
    ],
    [
      listedTwice.count,
      `double      ${of(listedTwice.count, 'image is', 'images are')} listed twice, taken as one`,
      such(listedTwice),
    ],
    [
      repeatedCaptions,
      `double      ${of(repeatedCaptions, 'caption repeats', 'captions repeat')} another of the same image, kept`,
      '',
    ],
  ];
  return cases.flatMap(([count, words, examples]) => (count > 0 ? [words + examples] : []));
}

function such({ count, examples }: { readonly count: number; readonly examples: readonly string[] }): string {
  return `: ${examples.join('; ')}${count > examples.length ? '; …' : ''}`;
}

function of(count: number, one: string, more: string): string {
  return `${number(count)} ${count === 1 ? one : more}`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function share(part: number, whole: number): string {
  return `(${((100 * part) / whole).toFixed(1)}%)`;
}

function row([name, ...cells]: readonly string[]): string {
  const widths = [9, 11, 12, 10, 8, 10, 8];
  return (name!.padEnd(6) + cells.map((cell, i) => cell.padStart(widths[i]!)).join('')).trimEnd();
}
