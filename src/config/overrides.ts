/** `--set a.b=VALUE`: one key of the config, its value read as YAML. */
import { parse } from 'yaml';
import { UserError } from '../errors.js';
import { clipped, type Path, unknownKey } from './check.js';
import { keyPaths } from './keys.js';
import { shorthands } from './leaves.js';

export interface Override {
  /** As it was written. */
  readonly text: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Characters; the longest value is a path. */
const longest = 8192;

/** @throws UserError for a wrong form, a value that is no YAML, or a key that the config does not have */
export function parseOverride(text: string): Override {
  const equals = text.indexOf('=');
  if (equals < 1 || text.length > longest) {
    throw new UserError(`--set ${clipped(text)}: expected KEY=VALUE, such as train.epochs=20.`);
  }
  const key = text.slice(0, equals).trim();
  // Only keys of the config are ever written to, so that __proto__ and its like are no keys.
  if (!keyPaths.has(key)) throw new UserError(`--set ${clipped(text)}: ${unknownKey(key)}`);
  try {
    return {
      text,
      path: key.split('.'),
      value: parse(text.slice(equals + 1), { maxAliasCount: 0, logLevel: 'error' }),
    };
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]!.replace(/:$/, '');
    throw new UserError(`--set ${clipped(text)}: the value is not valid YAML: ${clipped(reason, 200)}`);
  }
}

/** Sets the key in a tree of plain values that has not been checked yet. */
export function applyOverride(raw: Record<string, unknown>, { path, value }: Override): void {
  let section = raw;
  for (const [depth, key] of path.slice(0, -1).entries()) {
    const short = shorthands[path.slice(0, depth + 1).join('.')];
    const inner = Object.hasOwn(section, key) ? section[key] : undefined;
    if (inner === undefined || inner === null) section[key] = {};
    else if (short !== undefined && typeof inner !== 'object') section[key] = { [short]: inner };
    // Left for the check, which says what is wrong with the section.
    else if (typeof inner !== 'object' || Array.isArray(inner)) return;
    section = section[key] as Record<string, unknown>;
  }
  section[path.at(-1)!] = value;
  // A config has one source of data, so naming one takes the place of the other.
  const name = path.join('.');
  if (name === 'data.dir' && value !== null) delete section.builtin;
  if (name === 'data.builtin' && value !== null) delete section.dir;
}

/** The last override that a path comes from. */
export function overrideOf(overrides: readonly Override[], path: Path): Override | undefined {
  return overrides.findLast((each) => path.length >= each.path.length && each.path.every((key, i) => key === path[i]));
}
