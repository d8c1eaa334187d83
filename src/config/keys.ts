/** The config's keys by name, and the nearest one to a misspelt one. */
import { nearest } from '../nearest.js';
import { configSchema } from './schema.js';

/** Dotted names of all keys, sections included. */
export const keyPaths: ReadonlySet<string> = new Set(
  [
    {},
    { engine: 'gpu' },
    { engine: 'cpu' },
    ...(['sgd', 'rmsprop'] as const).map((name) => ({ train: { optimizer: { name } } })),
    ...(['step', 'cosine', 'oneCycle', 'plateau'] as const).map((name) => ({ train: { schedule: { name } } })),
  ].flatMap((variant) => pathsOf(configSchema.parse({ data: { builtin: 'shapes' }, ...variant }), '')),
);

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
