/** The model families that a checkpoint may name; a file never names code to run. */
import { UserError } from '../../errors.js';
import { family as captioner } from '../../model/captioner.js';
import type { ModelFamily } from '../../model/family.js';

const builtIn: readonly ModelFamily[] = [captioner];

/** @throws UserError when it is the family of a program of one's own, which has to be handed over */
export function builtInFamily(name: string, path: string): ModelFamily {
  const family = builtIn.find((each) => each.name === name);
  if (family) return family;
  throw new UserError(
    `${path} holds a model of the family ${JSON.stringify(name)}, which recap does not bring along. Use it from the ` +
      'program that trained it, which hands its family over.',
  );
}
