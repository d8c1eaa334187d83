/** docs/errors.md against the sources: what it lists are messages that the code has, tests that are there, and its exit codes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { reportError } from '../../src/cli/errors.js';
import { exitCodeOf } from '../../src/cli/signals.js';
import { TrainingError, UserError } from '../../src/errors.js';

interface Row {
  readonly section: string;
  /** Messages of the first column, as they stand between backticks. */
  readonly messages: readonly string[];
  /** Of the section, or of the row's own column; null for what ends nothing. */
  readonly exitCode: number | null;
  readonly shownBy: string;
}

const text = readFileSync('docs/errors.md', 'utf8');

/** The rows of all tables whose first column holds messages. */
function documented(): Row[] {
  const rows: Row[] = [];
  let section = '';
  let columns: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3);
    if (!line.startsWith('|')) columns = [];
    if (!line.startsWith('| ')) continue;
    const cells = line.split(/(?<!\\) \| |^\| | \|$/).filter((cell) => cell !== '');
    if (columns.length === 0) columns = cells;
    if (columns[0] !== 'message' || cells === columns) continue;
    const cell = (name: string) => cells[columns.indexOf(name)];
    const code = cell('exit') ?? /exit code (\d)/.exec(section)?.[1];
    rows.push({
      section,
      // Other words for the same place stand behind them in parentheses.
      messages: [...cells[0]!.replace(/ \((?:also|or) .*\)$/, '').matchAll(/`([^`]+)`/g)].map(
        ([, message]) => message!,
      ),
      exitCode: code === undefined ? null : Number(code),
      shownBy: cells.at(-1)!,
    });
  }
  return rows;
}

/** A TypeScript file whose adjoining texts are put together, in pieces between quotes and what is filled in. */
function piecesOf(path: string): string[] {
  return readFileSync(path, 'utf8')
    .replaceAll(/['"`]\s*\+\s*['"`]/g, '')
    .split(/\\?['"`]|\$\{|\}/);
}

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
/** What yargs says in its own words. */
const borrowed = 'node_modules/yargs/locales/en.json';

/** What differs from one message of a kind to the next, and what is left out. */
const placeholders = /…|\b(?:[A-Z]{2,}|N)\b|\b\d+(?:\.\d+)?\b|"[^"]*"|'[^']*'/;

/** Every two words in a row of the pieces, punctuation left out. */
function pairsOf(pieces: readonly string[]): string[] {
  return pieces.flatMap((piece) => {
    const words = piece.match(/[\w<>.-]*\w>?/g) ?? [];
    return words.slice(1).map((word, i) => `${words[i]} ${word}`);
  });
}

/** Of what is always the same in a message. */
const phrases = (message: string) => pairsOf(message.split(new RegExp(placeholders, 'g')));
const known = new Set(
  [...sources.map((name) => join('src', name)), borrowed].flatMap((path) => pairsOf(piecesOf(path))),
);

/** Messages are put together of parts, and some show an example, so not all phrases stand in one piece in the sources. */
const enough = 0.5;

const rows = documented();

describe('docs/errors.md', () => {
  it('lists messages in every section', () => {
    expect(rows.length).toBeGreaterThan(150);
    for (const { messages, section } of rows) expect(section, messages.join()).not.toBe('');
  });

  it('lists no message that the code has not', () => {
    const unknown = rows
      .flatMap(({ messages }) => messages)
      .filter((message) => {
        const all = phrases(message);
        return all.filter((phrase) => known.has(phrase)).length < enough * all.length;
      });
    expect(unknown).toEqual([]);
  });

  it('names test files that are there', () => {
    const named = rows.flatMap(({ shownBy }) => (shownBy === '–' ? [] : shownBy.split(', ')));
    expect(named.filter((name) => !existsSync(`test/${name}.test.ts`))).toEqual([]);
  });

  it('gives exit codes that are those of the errors and the signals', () => {
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const [failed, mistaken] = [new TrainingError('it failed'), new UserError('a mistake')].map(reportError);
    told.mockRestore();
    const meanings = [...text.matchAll(/^\| (\d) \| (.*) \|$/gm)].map(([, code, meaning]) => [Number(code), meaning]);
    expect(meanings).toEqual([
      [0, 'success'],
      [failed, expect.stringContaining('a failure')],
      [mistaken, expect.stringContaining('a mistake of the user')],
    ]);
    const signals = [...text.matchAll(/(\d{3}) (SIG[A-Z]+)/g)].map(([, code, signal]) => [Number(code), signal]);
    expect(signals.length).toBeGreaterThanOrEqual(3);
    for (const [code, signal] of signals) expect(exitCodeOf(signal as NodeJS.Signals)).toBe(code);
    for (const { exitCode, section } of rows) expect([null, failed, mistaken], section).toContain(exitCode);
  });
});
