/** Where two configs differ, key by key. */

export interface Difference {
  /** Dotted. */
  readonly key: string;
  /** `key: old → new`, for the user. */
  readonly text: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Of all leaves, in the order of the keys. */
export function differences(before: unknown, after: unknown, key = ''): Difference[] {
  if (isMapping(before) && isMapping(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => differences(before[name], after[name], key === '' ? name : `${key}.${name}`));
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ key, before, after, text: `${key}: ${JSON.stringify(before)} → ${JSON.stringify(after)}` }];
}

export interface ComparedKey {
  readonly key: string;
  /** Of each tree in turn; undefined where it has no such key. */
  readonly values: readonly unknown[];
}

/** Every leaf of any of the trees whose value is not the same in all of them, in the order of the keys. */
export function comparison(trees: readonly unknown[]): ComparedKey[] {
  return [...new Set(trees.flatMap((tree) => leavesOf(tree)))]
    .map((key) => ({ key, values: trees.map((tree) => valueAt(tree, key)) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

function leavesOf(tree: unknown, key = ''): string[] {
  if (!isMapping(tree)) return [key];
  return Object.entries(tree).flatMap(([name, value]) => leavesOf(value, key === '' ? name : `${key}.${name}`));
}

function valueAt(tree: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((inner, name) => (isMapping(inner) ? inner[name] : undefined), tree);
}

/** Whether the key is one of these, or lies in a section that is. */
export function isAmong(key: string, keys: readonly string[]): boolean {
  return keys.some((each) => key === each || key.startsWith(`${each}.`));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
