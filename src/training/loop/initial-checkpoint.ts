/**
 * Whether a checkpoint's parameters mean in a model that begins with them what they meant in their own: tensors of the
 * same names and shapes may stand for other words, be put together in another way, or read other features.
 */
import { differences } from '../../config/differences.js';
import type { Dataset } from '../../data/dataset.js';
import { quote } from '../../data/quote.js';
import type { Vocabulary } from '../../data/vocabulary.js';
import { UserError } from '../../errors.js';
import { type ExtractorDescription, withoutPlaces } from '../../features/description.js';
import type { CheckpointState } from '../checkpoints/checkpoint-state.js';
import { firstOtherToken, recordedVocabulary } from '../checkpoints/recorded-vocabulary.js';
import type { Model } from '../parallel/model.js';

/** Of the data that the model is to be trained on. */
export type OwnData = Pick<Dataset, 'vocabulary' | 'extractor'>;

/**
 * @param path of the checkpoint that `state` is of
 * @throws UserError naming the config key, the token, or what of the features' making is another
 */
export function checkOrigin(path: string, state: CheckpointState, model: Model, data: OwnData): void {
  checkWiring(path, state, model);
  checkVocabulary(path, state, data.vocabulary);
  checkFeatures(path, state, model, data.extractor);
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

/** Features of which nothing says how they were made, there or here, are taken as they are. */
function checkFeatures(
  path: string,
  { extractor: recorded }: CheckpointState,
  { recipe: { dimensions } }: Model,
  extractor: ExtractorDescription | null,
): void {
  if (recorded === null || extractor === null) return;
  const hasGrid = dimensions.inputs.grid !== undefined;
  const other = differences(withoutPlaces(recorded), withoutPlaces(extractor)).find(
    ({ key }) => hasGrid || key !== 'grid',
  );
  if (other === undefined) return;
  const what = ['kind', 'version', 'network.sha256'].includes(other.key)
    ? `by ${makerOf(recorded)} there and by ${makerOf(extractor)} here`
    : `${other.key} is ${quote(other.before)} there and ${quote(other.after)} here`;
  throw new UserError(
    `${path}, which model.init names, was trained on features made in another way than those of the data: ${what}. ` +
      'Make the features as those were, by recap features, or leave out model.init.',
  );
}

function makerOf(description: ExtractorDescription): string {
  if (description.kind === 'builtin') return `version ${description.version} of the built-in extractor`;
  const { path, sha256 } = description.network;
  return `the network ${path} (SHA-256 ${sha256.slice(0, 12)}…)`;
}
