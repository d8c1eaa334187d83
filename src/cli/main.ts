#!/usr/bin/env node
/** The `recap` command: parses the command line and hands over to one file a command. */
import yargs, { type Argv } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { UserError } from '../errors.js';
import { standardInput } from '../features/photo-files.js';
import { launchOf } from '../mpi/launch.js';
import { version } from '../version.js';
import { commands, modulesFor, nameOf } from './commands.js';
import { reportError } from './errors.js';
import { endWithOutput } from './output.js';

endWithOutput();
process.on('uncaughtException', (error) => process.exit(reportError(error)));
process.on('unhandledRejection', (error) => process.exit(reportError(error)));

/** The command line cannot be understood. */
class MisreadError extends Error {
  /**
   * @param message what yargs says
   * @param options those that the command has
   */
  constructor(
    message: string,
    readonly options: readonly string[],
  ) {
    super(message);
  }
}

// yargs drops a lone dash.
const words = hideBin(process.argv).map((word) => (word === '-' ? standardInput : word));

const parser: Argv = yargs()
  .scriptName('recap')
  .detectLocale(false)
  .usage('$0 <command>\n\nTrains recurrent image-captioning models on every core of a machine.')
  .parserConfiguration({ 'dot-notation': false, 'boolean-negation': false, 'greedy-arrays': false })
  .command(await modulesFor(words))
  .example('$0 train --config config/shapes.yaml', 'train on the built-in set')
  .example('$0 <command> --help', 'options and examples of a command')
  .strict()
  .check(refuseMalformed)
  .check(refuseSeveral)
  .version(version)
  .help()
  .wrap(100)
  .exitProcess(false)
  .fail((message, error) => {
    if (error instanceof Error && error.name !== 'YError') throw error;
    throw new MisreadError(message, Object.keys(inForce().key));
  });

/** Of the command that is being parsed, which yargs knows but does not declare. */
interface InForce {
  /** By the names of the options. */
  readonly key: Readonly<Record<string, unknown>>;
  /** Names of options that take a number. */
  readonly number: readonly string[];
}

function inForce(): InForce {
  return (parser as Argv & { getOptions(): InForce }).getOptions();
}

/** Options that may stand several times, and the words that are none. */
const repeatable: readonly string[] = ['set', 'checkpoint', 'photos', 'captions', 'images', 'list', 'runs', '_'];

/** What yargs lets pass: one value given twice, which it turns into a list, and a number that is none or empty. */
function refuseMalformed(argv: Record<string, unknown>): true {
  const [command] = argv._ as readonly unknown[];
  for (const [name, value] of Object.entries(argv)) {
    const mayRepeat =
      repeatable.includes(name) || (command === 'sweep' && name === 'grid') || (command === 'board' && name === 'run');
    if (Array.isArray(value) && !mayRepeat) throw new UserError(`--${name} is given more than once.`);
    if (Number.isNaN(value)) throw new UserError(`--${name} takes a number.`);
  }
  const { number } = inForce();
  const empty = emptyOptions().find((name) => number.includes(name));
  if (empty !== undefined) throw new UserError(`--${empty} takes a number.`);
  return true;
}

/** Names of options whose value has no characters but spaces, which yargs makes 0 of those that take a number. */
function emptyOptions(): string[] {
  return words.flatMap((word, i) => {
    const [, name, value = words[i + 1]] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined || value?.trim() !== '') return [];
    return [name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)];
  });
}

/** Of a command that each of several processes would do anew. */
function refuseSeveral({ _: [name] }: { _: readonly unknown[] }): true {
  const launch = launchOf();
  const command = commands.find((each) => nameOf(each) === name);
  if (launch === null || !command || command.joinsRanks) return true;
  const able = commands.filter(({ joinsRanks }) => joinsRanks).map(nameOf);
  throw new UserError(
    `An MPI launcher started ${launch.size} processes (${launch.variable}), each of which would do "recap ${name}" anew. ` +
      `Start it without the launcher; ${able.join(' and ')} work with one.`,
  );
}

/** Spelling is compared with the config's keys too, which take their time to load. */
async function inOurWords({ message, options }: MisreadError): Promise<UserError> {
  const { usageError } = await import('./usage.js');
  return usageError(message, words, { commands: commands.map(nameOf), options });
}

if (words.length === 0) {
  parser.showHelp('error');
  process.exitCode = 2;
} else {
  try {
    // yargs keeps what follows from the command, which then does its work on all that there is.
    if (words.includes('--')) {
      throw new UserError('recap takes no words after --. Write a name that begins with a dash as ./-name.');
    }
    await parser.parseAsync(words);
  } catch (error) {
    process.exit(reportError(error instanceof MisreadError ? await inOurWords(error) : error));
  }
}
