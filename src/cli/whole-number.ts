import { UserError } from '../errors.js';

/**
 * The value of an option that counts something.
 * @throws UserError when it is no whole number from 1 on
 */
export function wholeNumber(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new UserError(`${option}: found ${value}, expected a whole number from 1 on.`);
}
