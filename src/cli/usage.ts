/** Words for a command line that cannot be understood. */
import { nearestKey } from '../config/keys.js';
import { UserError } from '../errors.js';
import { nearest } from '../nearest.js';

export interface Vocabulary {
  readonly commands: readonly string[];
  /** Without their dashes. */
  readonly options: readonly string[];
}

/**
 * @param message what yargs says
 * @param words the command line
 * @param known what could have been meant
 */
export function usageError(message: string, words: readonly string[], known: Vocabulary): UserError {
  const all = /^Unknown (?:argument|command)s?: (.*)$/s.exec(message)?.[1]?.split(', ');
  const [command] = words;
  if (command !== undefined && !command.startsWith('-') && !known.commands.includes(command)) {
    return unknownWord(`command ${command}`, nearest(command, known.commands));
  }
  const unknown = all?.[0];
  if (unknown === undefined) return new UserError(`${message.trim().replaceAll(/\s*\n\s*/g, ' ')}. Try --help.`);
  const takesConfig = known.options.includes('config');
  if (words.includes(unknown)) {
    return unknownWord(
      `argument ${unknown}`,
      takesConfig && /\.ya?ml$/.test(unknown) ? `--config ${unknown}` : undefined,
    );
  }
  const option = nearest(unknown, known.options);
  const key = takesConfig ? nearestKey(unknown) : undefined;
  const meant = option === undefined ? key && `--set ${key}=VALUE` : `--${option}`;
  return unknownWord(`option --${unknown}`, meant);
}

function unknownWord(word: string, meant: string | undefined): UserError {
  return new UserError(`unknown ${word}; ${meant === undefined ? 'try --help.' : `did you mean ${meant}?`}`);
}
