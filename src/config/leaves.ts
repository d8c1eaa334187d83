/** What keys of a config can be: leaves with their bounds and words, sections, and short forms of sections. */
import { z } from 'zod';

/**
 * A leaf says in words what it expects, and every check of it fails with those words, so that messages read the same
 * whatever was wrong with the value.
 */
export function integer(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export function integerOr<W extends string | null>(word: W, least: number, most: number) {
  return z.union([z.literal(word), integer(least, most)], {
    error: `${word} or a whole number from ${least} to ${most}`,
  });
}

export function oneOf<const W extends readonly [string, ...string[]]>(...words: W) {
  return z.enum(words, { error: words.length === 1 ? words[0] : `one of ${words.join(', ')}` });
}

const pathError = 'a path (text of at most 4096 characters), or null';
export const path = z
  .string({ error: pathError })
  .min(1, { error: pathError })
  .max(4096, { error: pathError })
  .refine((text) => !text.includes('\0'), { error: pathError })
  .nullable();

export function section<S extends z.core.$ZodLooseShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? `keys and values: ${Object.keys(shape).join(', ')}` : undefined),
  });
}

/** In [0, 1): how much of a running mean is kept at each step. */
const betaError = 'a number from 0 to less than 1';
export const beta = z.number({ error: betaError }).min(0, { error: betaError }).lt(1, { error: betaError });
const rateError = 'a number above 0, at most 10';
export const rate = z.number({ error: rateError }).gt(0, { error: rateError }).max(10, { error: rateError });
const fractionError = 'a number above 0, at most 1';
export const fraction = z
  .number({ error: fractionError })
  .gt(0, { error: fractionError })
  .max(1, { error: fractionError });
const shareError = 'a number from 0 to 1';
export const share = z.number({ error: shareError }).min(0, { error: shareError }).max(1, { error: shareError });
const amountError = 'a number from 0 to 1000';
export const amount = z.number({ error: amountError }).min(0, { error: amountError }).max(1000, { error: amountError });
const temperatureError = 'a number from 0.1 to 10';
export const temperature = z
  .number({ error: temperatureError })
  .min(0.1, { error: temperatureError })
  .max(10, { error: temperatureError });
const limitError = 'a number above 0, or null';
export const limit = z.number({ error: limitError }).gt(0, { error: limitError });
const divisorError = 'a number from 1 to 1e9';
export const divisor = z
  .number({ error: divisorError })
  .min(1, { error: divisorError })
  .max(1e9, { error: divisorError });
const probabilityError = 'a number from 0 to 0.99';
export const probability = z
  .number({ error: probabilityError })
  .min(0, { error: probabilityError })
  .max(0.99, { error: probabilityError });
export const flag = z.boolean({ error: 'true or false' });

/** The key that a bare value of a section stands for. */
export const shorthands: Readonly<Record<string, string>> = {
  engine: 'name',
  'train.optimizer': 'name',
  'train.schedule': 'name',
  'train.weightDecay': 'rate',
};

export function shorthand(path: string, value: unknown): unknown {
  return typeof value === 'string' || typeof value === 'number' ? { [shorthands[path]!]: value } : value;
}

/** A section whose other keys go by its name, which may be left out, or be written in place of the section. */
export function namedSection(path: string, byDefault: string, value: unknown): unknown {
  const whole = shorthand(path, value);
  const isMapping = typeof whole === 'object' && whole !== null && !Array.isArray(whole);
  return isMapping && !('name' in whole) ? { name: byDefault, ...whole } : whole;
}

/** The names that such a section may have. */
export function namesOf(section: {
  readonly out: { readonly options: readonly { readonly shape: { readonly name: { readonly value: string } } }[] };
}): string[] {
  return section.out.options.map(({ shape }) => shape.name.value);
}
