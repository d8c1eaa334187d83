/** The words that keys of the config take, out of the schema: `lstm`, `rnn` and `gru` for `model.cell`. */
import { z } from 'zod';
import { configSchema } from './schema.js';

/** By the dotted name of the key. */
export function keyWords(): ReadonlyMap<string, readonly string[]> {
  const words = new Map<string, Set<string>>();
  gather(configSchema, '', words);
  return new Map([...words].map(([key, some]) => [key, [...some]]));
}

function gather(schema: unknown, key: string, words: Map<string, Set<string>>): void {
  const add = (...some: unknown[]) => {
    words.set(key, new Set([...(words.get(key) ?? []), ...some.map(String)]));
  };
  if (schema instanceof z.ZodObject) {
    for (const [name, inner] of Object.entries(schema.shape))
      gather(inner, key === '' ? name : `${key}.${name}`, words);
  } else if (schema instanceof z.ZodUnion) {
    for (const option of schema.options) gather(option, key, words);
  } else if (schema instanceof z.ZodPipe) {
    gather(schema.def.in, key, words);
    gather(schema.def.out, key, words);
  } else if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodNullable) {
    if (schema instanceof z.ZodNullable) add(null);
    gather(schema.def.innerType, key, words);
  } else if (schema instanceof z.ZodEnum) add(...schema.options);
  else if (schema instanceof z.ZodLiteral) add(...schema.values);
  else if (schema instanceof z.ZodBoolean) add(true, false);
}
