/** CSV with a header: the columns `image` and `caption`, `split` if wanted, in any order; others are not read. */
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { UserError } from '../../errors.js';
import { quote } from '../quote.js';
import type { CaptionEntry, CaptionFormat, CaptionSink } from './caption-entry.js';
import { splitNamed } from './split-words.js';
import { firstLineOf, linePlace, type TextSource } from './text-source.js';

export const csv: CaptionFormat = { name: 'CSV', place: linePlace, read };

/** Whether a line names the columns of captions, so that CSV follows. */
export function isHeader(line: string): boolean {
  const names = columnNames(line.split(delimiterOf(line)));
  return names.includes('image') && names.includes('caption');
}

/** What parts the columns of a header. */
function delimiterOf(header: string): string {
  return ['\t', ';', ','].find((mark) => header.includes(mark)) ?? ',';
}

/** Without the quotes and blanks around them, and in lower case. */
function columnNames(header: readonly string[]): string[] {
  return header.map((name) =>
    name
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase(),
  );
}

async function read(file: TextSource, sink: CaptionSink): Promise<void> {
  const delimiter = delimiterOf(await firstLineOf(file));
  let columns: string[] | null = null;
  const take = (record: readonly string[], line: number) => {
    if (columns === null) columns = checkedColumns(file.path, record);
    else sink.caption(entryOf(columns, record, linePlace(file.path, line), line, sink));
  };
  const parser = parse({
    bom: true,
    delimiter,
    skip_empty_lines: true,
    // Taken here, rows need not wait as objects of their own; `lines` is where the row ends.
    on_record: (record: string[], { lines }) => {
      take(record, lines);
      return null;
    },
  });
  try {
    await pipeline(file.chunks(), parser.resume());
  } catch (error) {
    throw error instanceof CsvError ? faultOf(file.path, error) : error;
  }
}

function checkedColumns(path: string, header: readonly string[]): string[] {
  const names = columnNames(header);
  for (const name of ['image', 'caption', 'split']) {
    const count = names.filter((each) => each === name).length;
    if (count > 1) throw new UserError(`${path}:1: ${count} columns are called ${name}; one is expected.`);
  }
  return names;
}

function entryOf(
  columns: readonly string[],
  record: readonly string[],
  where: string,
  at: number,
  sink: CaptionSink,
): CaptionEntry {
  const image = record[columns.indexOf('image')]!;
  const caption = record[columns.indexOf('caption')]!;
  const word = record[columns.indexOf('split')];
  return { image, caption, split: word === undefined || word.trim() === '' ? null : splitNamed(word, where, sink), at };
}

function faultOf(path: string, error: CsvError): UserError {
  const where = linePlace(path, Number(error.lines));
  switch (error.code) {
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH':
      return new UserError(
        `${where}: ${quote(error.record)} has ${(error.record as string[]).length} fields, where the header's columns are ` +
          'expected. Put a caption with commas into "quotes".',
      );
    case 'CSV_QUOTE_NOT_CLOSED':
      return new UserError(
        `${path}: the quote that opens in row ${error.records} after the header never ends. Write a quote within quotes ` +
          'twice ("").',
      );
    default:
      return new UserError(
        `${where}: a quote in the midst of a field. Put the whole field into "quotes", and write quotes in it twice ("").`,
      );
  }
}
