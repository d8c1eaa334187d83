/** Where two configs differ, key by key. */

export interface Difference {
  /** Dotted. */
  readonly key: string;
  /** `key: old → new`, for the user. */
  readonly text: string;
}

/** Of all leaves, in the order of the keys. */
export function differences(before: unknown, after: unknown, key = ''): Difference[] {
  if (isMapping(before) && isMapping(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => differences(before[name], after[name], key === '' ? name : `${key}.${name}`));
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ key, text: `${key}: ${JSON.stringify(before)} → ${JSON.stringify(after)}` }];
}

/** Whether the key is one of these, or lies in a section that is. */
export function isAmong(key: string, keys: readonly string[]): boolean {
  return keys.some((each) => key === each || key.startsWith(`${each}.`));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
