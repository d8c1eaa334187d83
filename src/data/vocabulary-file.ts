/** Reads `coco2014_vocab.json`: the words by id (`idx_to_word`) and the ids by word (`word_to_idx`). */
import { UserError } from '../errors.js';
import { quote } from './quote.js';
import { readJson } from './text-file.js';
import { Vocabulary } from './vocabulary.js';

/** @throws UserError when the file is missing, is no such JSON, or its two tables disagree */
export function readVocabulary(path: string): Vocabulary {
  const json = readJson(path);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new UserError(`${path}: ${quote(json)}, where an object with idx_to_word and word_to_idx is expected.`);
  }
  const { idx_to_word: idxToWord, word_to_idx: wordToIdx } = json as Record<string, unknown>;
  if (idxToWord === undefined) throw new UserError(`${path}: no 'idx_to_word', the list of words by id.`);
  const vocabulary = Vocabulary.of('word', idxToWord, `${path}: idx_to_word`);
  if (typeof wordToIdx !== 'object' || wordToIdx === null || Array.isArray(wordToIdx)) {
    throw new UserError(`${path}: no 'word_to_idx', the table of ids by word.`);
  }
  const ids = new Map(Object.entries(wordToIdx));
  vocabulary.idxToWord.forEach((word, id) => {
    if (ids.get(word) === id) return;
    throw new UserError(
      `${path}: token ${id} is ${quote(word)} by idx_to_word, but word_to_idx gives that word ${quote(ids.get(word))}. ` +
        'Make the file again from one list of words.',
    );
  });
  if (ids.size !== vocabulary.size) {
    const extra = [...ids.keys()].find((word) => vocabulary.idxToWord[ids.get(word) as number] !== word);
    throw new UserError(
      `${path}: word_to_idx has ${quote(extra)}, which idx_to_word has not. Make the file again from one list of words.`,
    );
  }
  return vocabulary;
}
