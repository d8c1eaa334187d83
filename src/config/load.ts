/**
 * Reads a config: a YAML file, then `--set` overrides, then the schema. Relative paths in a config are relative to the
 * working directory, as on the command line.
 */
import { closeSync, readSync } from 'node:fs';
import {
  type Document,
  isMap,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  stringify,
  type YAMLError,
} from 'yaml';
import { UserError } from '../errors.js';
import { NotAFileError, openRegularFile } from '../files/regular-file.js';
import { checkConfig, clipped, type Path } from './check.js';
import { applyOverride, overrideOf, parseOverride } from './overrides.js';
import { type Config, oneSource, type PartialConfig } from './schema.js';

/** Bytes. A config is a page of text, and the time that YAML takes can grow with the square of its length. */
const mostBytes = 65_536;

/**
 * @param file a YAML file
 * @param sets overrides `key.path=VALUE`, the later ones winning
 * @throws UserError
 */
export function resolveConfig(file: string, sets: readonly string[] = []): Config {
  return parseConfigText(readText(file), file, sets);
}

/**
 * As `resolveConfig`, also of a config that names no data, since a program brought them along.
 * @throws UserError
 */
export function resolveRunConfig(file: string): Config {
  return parseRunConfig(readText(file), file, []);
}

/**
 * @param name what messages call the text
 * @throws UserError
 */
export function parseConfigText(text: string, name: string, sets: readonly string[] = []): Config {
  const { raw, lineOf } = parseYaml(text, name);
  const where = (path: Path) => `${name}:${lineOf(path)}`;
  const config = override(raw, sets, where);
  if (config.data.dir !== null || config.data.builtin !== null) return config;
  throw new UserError(`${where(['data'])}: ${missingData(raw)}; expected ${oneSource}.`);
}

/**
 * A run's config, which names no data where the program that started it brought them along.
 *
 * @throws UserError
 */
export function parseRunConfig(text: string, name: string, sets: readonly string[]): Config {
  const { raw, lineOf } = parseYaml(text, name);
  return override(raw, sets, (path) => `${name}:${lineOf(path)}`);
}

function missingData(raw: Record<string, unknown>): string {
  return 'data' in raw ? `data is ${clipped(JSON.stringify(raw.data))}` : 'data is missing';
}

/**
 * A config with keys overridden, such as when a run is resumed.
 * @throws UserError
 */
export function overriddenConfig(config: Config, sets: readonly string[]): Config {
  return override(structuredClone(config), sets, () => 'config');
}

/**
 * A config of a program's own: what is left out has its default.
 * @throws UserError naming what is unknown or wrong
 */
export function configOf(partial: PartialConfig): Config {
  return override(structuredClone(partial), [], () => 'config');
}

/** The whole config as YAML, every default written out; `parseConfigText` gives the same config back. */
export function configToYaml(config: Config): string {
  return stringify(config);
}

function override(raw: Record<string, unknown>, sets: readonly string[], where: (path: Path) => string): Config {
  const overrides = sets.map(parseOverride);
  for (const each of overrides) applyOverride(raw, each);
  return checkConfig(raw, (path) => {
    const from = overrideOf(overrides, path);
    return from === undefined ? where(path) : `--set ${clipped(from.text)}`;
  });
}

function readText(file: string): string {
  const bytes = readBytes(file);
  if (bytes.length > mostBytes) throw new UserError(`${file} is larger than ${mostBytes} bytes; that is no config.`);
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new UserError(`${file} is UTF-16 text; save it as UTF-8.`);
  }
  if (bytes.includes(0)) throw new UserError(`${file} is a binary file; expected a config in YAML.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${file} is not UTF-8 text; save it as UTF-8.`);
  }
}

/** The file's bytes, but at most one more than a config may have. */
function readBytes(file: string): Uint8Array {
  let descriptor: number | undefined;
  try {
    descriptor = openRegularFile(file);
    const buffer = new Uint8Array(mostBytes + 1);
    let length = 0;
    for (;;) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (read === 0) return buffer.subarray(0, length);
      length += read;
    }
  } catch (error) {
    if (error instanceof NotAFileError) {
      throw new UserError(`${file} is ${error.kind}; expected a config file in YAML.`);
    }
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UserError(`There is no config file ${file}.`);
    throw new UserError(`The config file ${file} cannot be read: ${message}.`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

interface ParsedYaml {
  readonly raw: Record<string, unknown>;
  /** The line of a key, or of the nearest section around it. */
  readonly lineOf: (path: Path) => number;
}

function parseYaml(text: string, name: string): ParsedYaml {
  if (text.length > mostBytes) throw new UserError(`${name}: a config of more than ${mostBytes} bytes.`);
  const lines = new LineCounter();
  let document: Document.Parsed;
  let raw: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
    const [problem] = document.errors;
    if (problem !== undefined) {
      const { line } = lines.linePos(problem.pos[0]);
      throw new UserError(`${name}:${line || 1}: ${yamlProblem(problem)}`);
    }
    // Aliases can explode or run in circles, and a config has no use for them.
    raw = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof RangeError) throw new UserError(`${name}: ${tooDeep}`);
    if (error instanceof ReferenceError)
      throw new UserError(`${name}: write values out; aliases (*name) are not read here.`);
    throw error;
  }
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) {
    const found = raw === null ? 'nothing' : Array.isArray(raw) ? 'a list' : clipped(JSON.stringify(raw));
    throw new UserError(
      `${name}: found ${found}; expected a config of keys and values, such as "model: { cell: lstm }".`,
    );
  }
  return { raw: raw as Record<string, unknown>, lineOf: (path) => lineOf(document.contents, path, lines) };
}

const tooDeep = 'the YAML is nested too deeply.';

function yamlProblem({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS') return 'a second YAML document starts here; expected one.';
  if (code === 'DUPLICATE_KEY') return 'this key stands here a second time.';
  return message.includes('call stack') ? tooDeep : `not valid YAML: ${clipped(message, 200)}`;
}

function lineOf(root: Node | null, path: Path, lines: LineCounter): number {
  let node: unknown = root;
  let offset = 0;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = (node.items as Pair<Node, unknown>[]).find((item) => String(item.key) === String(key));
    if (pair === undefined) break;
    offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return lines.linePos(offset).line || 1;
}
