import { UserError } from '../errors.js';

/**
 * The value of an option that counts something.
 * @throws UserError when it is no whole number from 1 to `most`
 */
export function wholeNumber(option: string, value: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? 'from 1 on' : `from 1 to ${most}`;
  throw new UserError(`${option}: found ${value}, expected a whole number ${range}.`);
}
