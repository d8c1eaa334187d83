/** The built-in captioner as a checkpoint records it: its options are held to the bounds that a config's are. */
import { z } from 'zod';
import { checkConfig } from '../../config/check.js';
import { UserError } from '../../errors.js';
import { family } from '../../model/captioner.js';
import type { ModelRecipe } from '../../model/family.js';

/** Options that other sections of a config give. */
const elsewhere = z.object({
  labelSmoothing: z.number().min(0).max(1).optional(),
  standardize: z.boolean().optional(),
  excludedWords: z.array(z.int().min(0)).optional(),
  temperature: z.number().min(0.1).max(10).optional(),
});

/**
 * Leaves a family of a program's own alone, which knows what its options mean.
 *
 * @throws UserError naming the file and the option that makes no captioner
 */
export function checkCaptioner(path: string, { family: name, options, dimensions }: ModelRecipe): void {
  if (name !== family.name) return;
  const unfit = `${path} has an unfit training state`;
  if (dimensions.inputs.features === undefined) throw new UserError(`${unfit}: model.dimensions.inputs: no features.`);
  const others = elsewhere.safeParse(options);
  if (!others.success) {
    const [issue] = others.error.issues;
    throw new UserError(`${unfit}: model.options.${issue?.path.join('.')}: ${issue?.message}.`);
  }
  const given = new Set(Object.keys(elsewhere.shape));
  const model = Object.fromEntries(Object.entries(options).filter(([name]) => !given.has(name)));
  checkConfig({ model }, () => unfit);
}
