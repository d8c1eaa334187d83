import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Vocabulary } from '../../src/data/vocabulary.js';
import { readVocabulary } from '../../src/data/vocabulary-file.js';
import { UserError } from '../../src/errors.js';
import { temporaryFolder, words, wordToIdx } from './tiny-dataset.js';

describe('A vocabulary', () => {
  it('decodes up to <END>, without <NULL> and <START>', () => {
    const vocabulary = Vocabulary.of('word', words, 'words');
    expect(vocabulary.decode([1, 4, 5, 3, 0, 6, 2, 4, 0])).toBe('a red <UNK> ball');
    expect(vocabulary.decode([])).toBe('');
  });

  it('joins characters without blanks of its own', () => {
    const vocabulary = Vocabulary.of('char', [...words.slice(0, 4), ' ', 'a', 'b'], 'characters');
    expect(vocabulary.decode([1, 5, 6, 4, 6, 2, 0])).toBe('ab b');
  });

  it.each([[null], [3], [[1]], [['<NULL>', '<START>']], [[...words, words.at(-1)]]])('refuses the words %j', (list) => {
    expect(() => Vocabulary.of('word', list, 'checkpoint')).toThrow(UserError);
  });

  it('knows words that JavaScript objects have by themselves', () => {
    const list = [...words, 'constructor', '__proto__', 'toString'];
    const path = join(temporaryFolder(), 'vocab.json');
    const ids = list.map((word, id) => `${JSON.stringify(word)}:${id}`).join(',');
    writeFileSync(path, `{"idx_to_word":${JSON.stringify(list)},"word_to_idx":{${ids}}}`);
    expect(readVocabulary(path).idxToWord).toEqual(list);
  });
});

describe('Spoiled vocabulary files', () => {
  const runs = Number(process.env.RECAP_FUZZ_RUNS ?? 500);
  const patience = 60_000 + runs * 50;
  const whole = JSON.stringify({ idx_to_word: words, word_to_idx: wordToIdx(words) });
  const folder = temporaryFolder();
  const path = join(folder, 'vocab.json');

  function readOrRefuse(content: Uint8Array | string): void {
    writeFileSync(path, content);
    try {
      expect(readVocabulary(path).size).toBeGreaterThanOrEqual(4);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toMatch(/^[^\n]{1,400}$/);
    }
  }

  it(
    `are read or refused in one line, ${runs} of them`,
    () => {
      const bytes = fc
        .array(fc.tuple(fc.nat(whole.length), fc.nat(5), fc.uint8Array({ maxLength: 5 })), {
          minLength: 1,
          maxLength: 4,
        })
        .map((edits) => {
          const text = [...Buffer.from(whole)];
          for (const [at, count, inserted] of edits) text.splice(at, count, ...inserted);
          return Uint8Array.from(text);
        });
      fc.assert(fc.property(bytes, readOrRefuse), { numRuns: runs, seed: 231 });
    },
    patience,
  );

  it(
    `are read or refused in one line whatever JSON they hold, ${runs} of them`,
    () => {
      const table = fc.oneof(
        fc.jsonValue(),
        fc.dictionary(fc.constantFrom(...words, 'x'), fc.integer()),
        fc.constant(words),
      );
      const json = fc
        .record({ idx_to_word: table, word_to_idx: table }, { requiredKeys: [] })
        .map((value) => JSON.stringify(value));
      fc.assert(fc.property(json, readOrRefuse), { numRuns: runs, seed: 231 });
    },
    patience,
  );
});
