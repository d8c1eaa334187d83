/** Words for a command line that cannot be understood. */
import { nearest, nearestKey } from '../config/keys.js';
import { UserError } from '../errors.js';

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
  const unknown = /^Unknown (?:argument|command)s?: (.*)$/s.exec(message)?.[1]?.split(', ')[0];
  if (unknown === undefined) return new UserError(`${message.trim().replaceAll(/\s*\n\s*/g, ' ')}. Try --help.`);
  if (words[0] === unknown) return unknownWord(`command ${unknown}`, nearest(unknown, known.commands));
  if (words.includes(unknown)) return unknownWord(`argument ${unknown}`, undefined);
  const option = nearest(unknown, known.options);
  const key = nearestKey(unknown);
  const meant = option === undefined ? key && `--set ${key}=VALUE` : `--${option}`;
  return unknownWord(`option --${unknown}`, meant);
}

function unknownWord(word: string, meant: string | undefined): UserError {
  return new UserError(`unknown ${word}; ${meant === undefined ? 'try --help.' : `did you mean ${meant}?`}`);
}
