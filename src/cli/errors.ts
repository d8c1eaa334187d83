/** How a command that fails ends: what it prints on stderr and its exit code. */
import { isSystemError, TrainingError, UserError } from '../errors.js';
import { oneLine } from '../one-line.js';
import { eraseLiveAreas } from '../report/live-area.js';
import { version } from '../version.js';

/** The user can mend it. */
const userMistake = 2;
const failure = 1;

/** Prints an error as people should see it, and gives the exit code. A stack trace is for bugs alone. */
export function reportError(error: unknown): number {
  if (error instanceof UserError) return print(error.message, userMistake);
  if (error instanceof TrainingError) return print(error.message, failure);
  if (isSystemError(error)) return print(oneLine(error.message), failure);
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return print(
    `${trace.split('\n').map(oneLine).join('\n')}\nThis is a bug in recap ${version}. Please report it with the lines above and what \`recap info\` prints.`,
    failure,
  );
}

function print(text: string, code: number): number {
  eraseLiveAreas();
  process.stderr.write(`recap: ${text}\n`);
  return code;
}
