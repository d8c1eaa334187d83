/** The built-in set: see the functions below. */
import { UserError } from '../../errors.js';

export async function ensureShapes(): Promise<string> {
  throw new UserError('data.builtin: the set is not there yet.');
}
