/**
 * A family makes models: from options, which a config or a program gives, and the data's dimensions, the spec of a model.
 *
 * A spec holds functions, which cross no thread, so workers are told the family's module and make the spec themselves.
 * A checkpoint stores the family's name, options and dimensions as data, and never a module to load.
 */
import type { Dimensions, ModelSpec } from '../tensor/model-spec.js';

/** Plain JSON data. */
export type FamilyOptions = Readonly<Record<string, unknown>>;

export interface ModelFamily {
  /** Recorded in checkpoints. */
  readonly name: string;
  /** URL of the module that exports this family as `family`: `import.meta.url` there. */
  readonly url: string;
  /** @throws UserError when the options or the dimensions do not make a model */
  spec(options: FamilyOptions, dimensions: Dimensions): ModelSpec;
}

/** What identifies a model: plain data, handed to workers and stored in checkpoints. */
export interface ModelRecipe {
  readonly family: string;
  readonly options: FamilyOptions;
  readonly dimensions: Dimensions;
}
