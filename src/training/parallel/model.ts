/** The model of a run: the family that makes it, what it was made from, and the spec that came of it. */
import type { FamilyOptions, ModelFamily, ModelRecipe } from '../../model/family.js';
import type { Dimensions, ModelSpec } from '../../tensor/model-spec.js';

export interface Model {
  readonly family: ModelFamily;
  readonly recipe: ModelRecipe;
  readonly spec: ModelSpec;
}

export function modelOf(family: ModelFamily, options: FamilyOptions, dimensions: Dimensions): Model {
  return {
    family,
    recipe: { family: family.name, options, dimensions },
    spec: family.spec(options, dimensions),
  };
}
