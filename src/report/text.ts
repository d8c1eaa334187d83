/** Text with a style, of which columns are counted before any escape sequence is in it. */
import { styleText } from 'node:util';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { oneLine } from '../one-line.js';

/** Styles only repeat what the words, or the shapes of a bar, say without them. */
const formats = { label: 'dim', done: 'cyan', rest: 'dim', best: 'green', warning: 'yellow' } as const;

export type Style = keyof typeof formats;

/** Text that may come from anywhere; what a terminal would act on in it is written as an escape that can be read. */
export type Span = string | { readonly text: string; readonly style: Style };

export type Line = readonly Span[];

/** A line whose text, where it is too long for the terminal, goes on below where it begins. */
export interface Labelled {
  /** With the blanks behind it. */
  readonly label: string;
  readonly text: string | Line;
}

export function styled(style: Style, text: string): Span {
  return { text, style };
}

/** A line that breaks between words without a label. */
export function sentence(text: string): Labelled {
  return { label: '', text };
}

/** A label of the statements at the beginning of a command, whose texts stand one below the other. */
export function labelled(label: string, text: string): Labelled {
  return { label: label.padEnd(10), text };
}

/** What is harmless and takes a column each, without having to be looked up: ASCII, and what bars are made of. */
const narrow = /^[ -~–…─━╸▁-█]*$/;

function widthOf(text: string): number {
  return narrow.test(text) ? text.length : stringWidth(text);
}

/** Columns of a terminal: wide characters take two, accents none, a joined emoji two. */
export function columnsOf(line: Line): number {
  return line.reduce((sum, span) => sum + widthOf(textOf(span)), 0);
}

/** With blanks behind it, up to so many columns. */
export function padded(line: Line, columns: number): Line {
  return [...line, ' '.repeat(Math.max(0, columns - columnsOf(line)))];
}

/** As much of it as goes into so many columns, with an ellipsis where that is not all. */
export function cut(line: Line, columns: number, ellipsis: string): Line {
  if (columnsOf(line) <= columns) return line;
  const kept: Span[] = [];
  let left = columns - widthOf(ellipsis);
  for (const span of line) {
    const width = widthOf(textOf(span));
    if (width > left) {
      const some = left > 0 ? firstColumns(textOf(span), left) : '';
      return [...kept, withText(span, some), ...(columns > 0 ? [ellipsis] : [])];
    }
    kept.push(span);
    left -= width;
  }
  return kept;
}

/** As a terminal is given it. */
export function rendered(line: Line, inColour: boolean): string {
  return line
    .map((span) => {
      const text = textOf(span);
      if (!inColour || typeof span === 'string' || text === '') return text;
      return styleText(formats[span.style], text, { validateStream: false });
    })
    .join('');
}

/** Fewest columns that a text keeps beside its label; where there are fewer it goes on below the label. */
const leastBesideLabel = 12;

/** The rows that a labelled line takes at so many columns. */
export function wrapped({ label, text }: Labelled, columns: number, inColour: boolean): string[] {
  const head = rendered([styled('label', label)], inColour);
  const body = rendered(typeof text === 'string' ? [text] : text, inColour);
  if (columnsOf([label]) + stringWidth(body) <= columns) return [head + body];
  const beside = columns - columnsOf([label]);
  const indent = beside >= leastBesideLabel ? columnsOf([label]) : Math.min(2, columns - 1);
  const [first, ...rest] =
    beside >= leastBesideLabel
      ? wrapAnsi(body, beside, { hard: true })
          .split('\n')
          .map((row, i) => (i === 0 ? head + row : row))
      : [head, ...wrapAnsi(body, Math.max(1, columns - indent), { hard: true }).split('\n')];
  return [first!.trimEnd(), ...rest.map((row) => ' '.repeat(indent) + row)];
}

function textOf(span: Span): string {
  const text = typeof span === 'string' ? span : span.text;
  return narrow.test(text) ? text : oneLine(text);
}

function withText(span: Span, text: string): Span {
  return typeof span === 'string' ? text : { ...span, text };
}

function firstColumns(text: string, columns: number): string {
  const [first = ''] = wrapAnsi(text, columns, { hard: true, wordWrap: false, trim: false }).split('\n');
  // A wide character has a row of its own even where it is wider than that.
  return widthOf(first) > columns ? '' : first;
}
