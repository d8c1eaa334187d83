/** Checks a tree of plain values against the schema, and words what is wrong with it. */
import type { z } from 'zod';
import { UserError } from '../errors.js';
import { keyPaths, namesWith, nearestKey } from './keys.js';
import { type Config, configSchema } from './schema.js';

export type Path = readonly PropertyKey[];

/** Problems named in one message; of many more it is not worth while to find the words, or to count them. */
const mostProblems = 3;
const mostCounted = 100;

/**
 * @param where what the message says of the place of a key: file and line, or the override
 * @throws UserError naming up to three problems, one a line, and how many more there are
 */
export function checkConfig(raw: unknown, where: (path: Path) => string): Config {
  const result = configSchema.safeParse(raw);
  if (result.success) return result.data;
  const problems = new Set<string>();
  for (const issue of result.error.issues) {
    for (const problem of problemsOf(issue, raw, where)) {
      problems.add(problem);
      if (problems.size > mostCounted) break;
    }
  }
  const [named, more] = [[...problems].slice(0, mostProblems), problems.size - mostProblems];
  if (more > 0) named.push(problems.size > mostCounted ? 'and many more' : `and ${more} more`);
  throw new UserError(...named);
}

function* problemsOf(issue: z.core.$ZodIssue, raw: unknown, where: (path: Path) => string): Generator<string> {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) {
      const path = [...issue.path, key];
      yield `${where(path)}: ${unknownKey(path.join('.'))}`;
    }
    return;
  }
  const { path, found } = valueAt(raw, issue.path);
  const name = path.length === 0 ? 'the config' : path.join('.');
  const byDefault = issue.code === 'custom' && found === undefined ? defaultOf(path) : undefined;
  if (byDefault !== undefined && typeof byDefault !== 'object') {
    yield `${where(path)}: ${name} is left at its default ${shown(byDefault)}; expected ${issue.message}.`;
    return;
  }
  yield `${where(path)}: ${name} is ${shown(found)}; expected ${issue.message}.`;
}

export function unknownKey(path: string): string {
  if (keyPaths.has(path)) {
    const section = path.slice(0, path.lastIndexOf('.'));
    return `${path} does not belong to this ${section}; it goes with ${section}.name ${namesWith(path).join(' or ')}.`;
  }
  const near = nearestKey(path);
  return `unknown key ${clipped(path)}${near === undefined ? '.' : `; did you mean ${near}?`}`;
}

/** The value at a path, or the value that stands where a section should be, with the path to it. */
function valueAt(raw: unknown, path: Path): { path: Path; found: unknown } {
  let found = raw;
  for (const [depth, key] of path.entries()) {
    if (found === null || typeof found !== 'object') return { path: path.slice(0, depth), found };
    found = Object.hasOwn(found, key) ? (found as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return { path, found };
}

/** What a key is that is left out, beside which others may make no sense. */
function defaultOf(path: Path): unknown {
  return valueAt(configSchema.parse({ data: { builtin: 'shapes' } }), path).found;
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'empty';
  return clipped(typeof value === 'number' ? String(value) : JSON.stringify(value));
}

/** Text of bounded length, without control characters that could confuse a terminal. */
export function clipped(text: string, most = 60): string {
  const short = text.length <= most ? text : `${text.slice(0, most)}…`;
  return short.replaceAll(/\p{Cc}/gu, ' ');
}
