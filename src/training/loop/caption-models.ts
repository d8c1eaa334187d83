/** The models that write captions together, from checkpoints: an ensemble, each of whose models may be a mean. */
import { isDeepStrictEqual } from 'node:util';
import { configOf } from '../../config/load.js';
import type { PartialConfig } from '../../config/schema.js';
import { Vocabulary } from '../../data/vocabulary.js';
import type { ParameterValues, SharedMemory } from '../../engine/engine.js';
import type { EngineChoice } from '../../engine/select.js';
import { parametersOf } from '../../engine/shared-memory.js';
import { UserError } from '../../errors.js';
import type { ModelFamily } from '../../model/family.js';
import { type Checkpoint, restoreParameters } from '../checkpoints/checkpoint.js';
import { areSameVocabulary, recordedVocabulary } from '../checkpoints/recorded-vocabulary.js';
import { type Model, modelOf } from '../parallel/model.js';
import { builtInFamily } from './built-in-families.js';
import { validatedParameters } from './validation.js';

/**
 * One checkpoint; or a list of models whose probabilities are averaged, each a checkpoint, or the checkpoints of one
 * model whose parameters are averaged.
 */
export type CaptioningCheckpoints = Checkpoint | readonly (Checkpoint | readonly Checkpoint[])[];

export interface CaptionModel {
  readonly model: Model;
  /** Their parameters are averaged. */
  readonly checkpoints: readonly Checkpoint[];
}

/** The one whose config, engine and vocabulary count; by which of its parameters, each checkpoint says for itself. */
export function leadingCheckpoint(checkpoints: CaptioningCheckpoints): Checkpoint {
  if (!isList(checkpoints)) return checkpoints;
  const [first] = checkpoints.flat() as Checkpoint[];
  if (!first) throw new UserError('No checkpoint is given to write captions by.');
  return first;
}

/**
 * @param family what makes the models, for those that are not built in
 * @throws UserError when two checkpoints do not go together
 */
export function captionModels(checkpoints: CaptioningCheckpoints, family?: ModelFamily): CaptionModel[] {
  const leading = leadingCheckpoint(checkpoints);
  return (isList(checkpoints) ? checkpoints : [checkpoints]).map((member) => {
    const some: readonly Checkpoint[] = isList(member) ? member : [member as Checkpoint];
    const [first] = some as [Checkpoint, ...Checkpoint[]];
    for (const checkpoint of some) {
      if (!isDeepStrictEqual(first.state.model, checkpoint.state.model)) {
        throw new UserError(
          `${checkpoint.path} is of another model than ${first.path}, so that their parameters have no mean. Give them ` +
            'as an ensemble.',
        );
      }
      if (!areSameVocabulary(recordedVocabulary(leading.state), recordedVocabulary(checkpoint.state))) {
        throw new UserError(
          `${checkpoint.path} has another vocabulary than ${leading.path}; models that write captions together need the ` +
            'same. Train them on the same data.',
        );
      }
    }
    const { family: name, options, dimensions } = first.state.model;
    return { model: modelOf(family ?? builtInFamily(name, first.path), options, dimensions), checkpoints: some };
  });
}

/** The first that looks at a grid. */
export function attendingModel(members: readonly CaptionModel[]): Model | undefined {
  return members.map(({ model }) => model).find(({ recipe }) => recipe.dimensions.positions !== undefined);
}

export function recordedEngine({ state }: Checkpoint): EngineChoice {
  return state.engineChoice as EngineChoice;
}

export function vocabularyOf(checkpoint: Checkpoint): Vocabulary {
  const { tokens, idxToWord } = recordedVocabulary(checkpoint.state);
  return Vocabulary.of(tokens, idxToWord, checkpoint.path);
}

/**
 * Fills in a model's parameters, the mean of those of its checkpoints.
 *
 * @param values by default those that each checkpoint's config validates
 */
export function restoreMean(memory: SharedMemory, checkpoints: readonly Checkpoint[], values?: ParameterValues): void {
  const parameters = parametersOf(memory);
  const sums = new Float64Array(parameters.length);
  for (const checkpoint of checkpoints) {
    restoreParameters(memory, checkpoint, values ?? recordedParameters(checkpoint));
    parameters.forEach((value, i) => {
      sums[i]! += value;
    });
  }
  if (checkpoints.length > 1) parameters.set(sums.map((sum) => sum / checkpoints.length));
}

function recordedParameters({ state }: Checkpoint): ParameterValues {
  return validatedParameters(configOf(state.config as PartialConfig));
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
