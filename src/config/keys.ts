/** The config's keys by name, and the nearest one to a misspelt one. */
import { nearest } from '../nearest.js';
import { configSchema, engineNames } from './schema.js';
import { optimizerNames, scheduleNames } from './train-schema.js';

/** Sections whose other keys go by their `name`, each with all names. */
const named: Readonly<Record<string, readonly string[]>> = {
  engine: engineNames,
  'train.optimizer': optimizerNames,
  'train.schedule': scheduleNames,
};

/** Of such a section with each name the keys. */
const keysWith = new Map(
  Object.entries(named).map(([section, names]) => [
    section,
    names.map((name) => [name, keysOf(section, name)] as const),
  ]),
);

/** Dotted names of all keys, sections included. */
export const keyPaths: ReadonlySet<string> = new Set(
  [...keysWith.values()].flatMap((variants) => variants.flatMap(([, keys]) => [...keys])),
);

/** The names of its section that a key goes with. */
export function namesWith(path: string): string[] {
  const variants = keysWith.get(path.slice(0, path.lastIndexOf('.'))) ?? [];
  return variants.filter(([, keys]) => keys.has(path)).map(([name]) => name);
}

function keysOf(section: string, name: string): ReadonlySet<string> {
  const whole = section.split('.').reduceRight<object>((inner, key) => ({ [key]: inner }), { name });
  return new Set(pathsOf(configSchema.parse({ data: { builtin: 'shapes' }, ...whole }), ''));
}

function pathsOf(tree: object, prefix: string): string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = prefix + key;
    return value !== null && typeof value === 'object' ? [path, ...pathsOf(value, `${path}.`)] : [path];
  });
}

/** What other software calls some keys. */
const otherNames: Readonly<Record<string, string>> = { lr: 'learningRate', wd: 'weightDecay', bs: 'batchSize' };

/** The nearest key to a dotted name: in its own section first, then by its last part anywhere. */
export function nearestKey(path: string): string | undefined {
  const written = path.slice(path.lastIndexOf('.') + 1);
  const last = Object.hasOwn(otherNames, written) ? otherNames[written]! : written;
  const section = path.slice(0, path.lastIndexOf('.') + 1);
  const byLast = new Map([...keyPaths].map((known) => [known.slice(known.lastIndexOf('.') + 1), known]));
  const siblings = [...keyPaths].filter(
    (known) => known.startsWith(section) && !known.slice(section.length).includes('.'),
  );
  const sibling = nearest(
    last,
    siblings.map((known) => known.slice(section.length)),
  );
  return sibling === undefined ? byLast.get(nearest(last, byLast.keys()) ?? '') : section + sibling;
}
