/**
 * Whether a checkpoint's parameters mean in a model that begins with them what they meant in their own: tensors of the
 * same names and shapes may stand for other words, or be put together in another way.
 */
import { quote } from '../../data/quote.js';
import type { Vocabulary } from '../../data/vocabulary.js';
import { UserError } from '../../errors.js';
import type { CheckpointState } from '../checkpoints/checkpoint-state.js';
import { firstOtherToken, recordedVocabulary } from '../checkpoints/recorded-vocabulary.js';
import type { Model } from '../parallel/model.js';

/**
 * @param path of the checkpoint that `state` is of
 * @throws UserError naming the config key, or the token, that is another
 */
export function checkOrigin(path: string, state: CheckpointState, model: Model, vocabulary: Vocabulary): void {
  checkWiring(path, state, model);
  checkVocabulary(path, state, vocabulary);
}

/** Leaves models of another family alone, whose options say nothing of this one. */
function checkWiring(path: string, { model: recorded }: CheckpointState, { family, spec }: Model): void {
  if (recorded.family !== family.name) return;
  const { wiring: theirs = {} } = family.spec(recorded.options, recorded.dimensions);
  for (const [key, found] of Object.entries(spec.wiring ?? {})) {
    if (!Object.hasOwn(theirs, key) || theirs[key] === found) continue;
    const expected = theirs[key];
    throw new UserError(
      `${key} is ${quote(found)}, but the model of ${path}, which model.init names, was trained with ` +
        `${quote(expected)}: its parameters would compute something else here. Set ${key}=${expected}, or leave out ` +
        'model.init.',
    );
  }
}

function checkVocabulary(path: string, state: CheckpointState, vocabulary: Vocabulary): void {
  const theirs = recordedVocabulary(state);
  if (theirs.tokens !== vocabulary.tokens) {
    throw new UserError(
      `data.tokens is ${quote(vocabulary.tokens)}, but the model of ${path}, which model.init names, was trained with ` +
        `${quote(theirs.tokens)}. Set data.tokens=${theirs.tokens}, or leave out model.init.`,
    );
  }
  const id = firstOtherToken(theirs, vocabulary);
  if (id === -1) return;
  const word = ({ idxToWord }: Pick<Vocabulary, 'idxToWord'>) =>
    id < idxToWord.length ? quote(idxToWord[id]) : 'missing';
  throw new UserError(
    `${path}, which model.init names, has another vocabulary than the data: token ${id} is ${word(theirs)} there and ` +
      `${word(vocabulary)} here (${theirs.idxToWord.length} and ${vocabulary.size} words). Train on data with the same ` +
      'vocabulary, or leave out model.init.',
  );
}
