/** What can be completed: the commands, their options and what each takes, out of what yargs is told of them. */
import yargs, { type Argv } from 'yargs';
import { keyWords } from '../../config/key-words.js';
import { keyPaths } from '../../config/keys.js';
import { shorthands } from '../../config/leaves.js';

/**
 * What stands behind an option or a command: one of some words, a key of the config with its value, a config file, the
 * folder of a run, that or a checkpoint file, that or a config file, a path, or text that cannot be known.
 */
export type Taken = readonly string[] | 'setting' | 'config' | 'run' | 'checkpoint' | 'runOrConfig' | 'path' | 'text';

export interface CompletedOption {
  /** Without its dashes. */
  readonly name: string;
  readonly describe: string;
  /** Null for one that stands alone. */
  readonly takes: Taken | null;
  readonly mayRepeat: boolean;
}

export interface CompletedCommand {
  readonly name: string;
  readonly describe: string;
  readonly options: readonly CompletedOption[];
  /** What it takes beside options; null for nothing. */
  readonly takes: Taken | null;
}

export interface Setting {
  /** Dotted. */
  readonly key: string;
  /** Words that it takes; none where any number or text may stand. */
  readonly words: readonly string[];
}

export interface Vocabulary {
  readonly commands: readonly CompletedCommand[];
  readonly settings: readonly Setting[];
}

/** A command as the table of commands has it. */
interface Listed {
  readonly words: string;
  readonly describe: string;
  readonly load: () => Promise<{ readonly builder?: unknown }>;
}

export async function vocabularyOf(commands: readonly Listed[]): Promise<Vocabulary> {
  return { commands: await Promise.all(commands.map(completed)), settings: settings() };
}

/** Keys that a value can be given to: no sections, unless one may be a single word. */
function settings(): Setting[] {
  const words = keyWords();
  const isSection = (key: string) => [...keyPaths].some((other) => other.startsWith(`${key}.`));
  return [...keyPaths]
    .filter((key) => !isSection(key) || Object.hasOwn(shorthands, key))
    .map((key) => ({ key, words: words.get(key) ?? words.get(`${key}.${shorthands[key]}`) ?? [] }));
}

async function completed({ words, describe, load }: Listed): Promise<CompletedCommand> {
  const [name, positional] = words.split(' ');
  const { builder } = await load();
  const known = knownTo(builder as (parser: Argv) => Argv);
  const beside = positional?.replaceAll(/[^a-z]/g, '');
  return {
    name: name!,
    describe,
    options: known.filter((option) => option.name !== beside),
    takes: beside === undefined ? null : (known.find((option) => option.name === beside)?.takes ?? 'text'),
  };
}

/** Of what yargs knows of options, which its types do not declare. */
interface Internals {
  getOptions(): {
    readonly key: Readonly<Record<string, unknown>>;
    readonly array: readonly string[];
    readonly boolean: readonly string[];
    readonly number: readonly string[];
    readonly choices: Readonly<Record<string, readonly string[] | undefined>>;
  };
  getInternalMethods(): { getUsageInstance(): { getDescriptions(): Readonly<Record<string, string | undefined>> } };
}

function knownTo(builder: (parser: Argv) => Argv): CompletedOption[] {
  const parser = builder(yargs([]).version(false)) as Argv & Internals;
  const { key, array, boolean, number, choices } = parser.getOptions();
  const descriptions = parser.getInternalMethods().getUsageInstance().getDescriptions();
  return Object.keys(key).map((name) => ({
    name,
    describe: (descriptions[name] ?? '').replace(/^__yargsString__:/, ''),
    takes: boolean.includes(name) ? null : (choices[name] ?? (number.includes(name) ? 'text' : takenBy(name, array))),
    mayRepeat: array.includes(name),
  }));
}

/** By name, where text is taken: an option of one name takes the same whatever the command. */
const byName: Readonly<Record<string, Taken>> = {
  set: 'setting',
  config: 'config',
  run: 'run',
  resume: 'run',
  checkpoint: 'checkpoint',
  runs: 'runOrConfig',
  pooled: 'text',
  input: 'text',
  host: 'text',
  older: 'text',
  workers: 'text',
  mean: 'text',
  scale: 'text',
};

function takenBy(name: string, array: readonly string[]): Taken {
  // The grid of a sweep is of settings, that of a network the name of a tensor.
  if (name === 'grid') return array.includes(name) ? 'setting' : 'text';
  return byName[name] ?? 'path';
}
