/** What may change between a run's stop and its resumption, and the refusal of everything else. */
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';

/**
 * Keys that a resumption may change: they touch how far and how the run goes on, not what a step computes. The data may
 * have moved; that it is the same data is checked by its checksum.
 */
export const changeableKeys = [
  'data.dir',
  'train.epochs',
  'train.workers',
  'train.taskSeconds',
  'train.onNonFinite',
  'checkpoint',
  'validate',
] as const;

/**
 * @param recorded the config of the checkpoint, `wanted` what the run's config.yaml and --set say now
 * @returns the changed keys, `old → new`, for the user
 * @throws UserError naming the first key that may not change, with both values
 */
export function checkChanges(recorded: unknown, wanted: Config): string[] {
  const changes: string[] = [];
  compare(recorded, wanted, '', changes);
  return changes;
}

function compare(recorded: unknown, wanted: unknown, path: string, changes: string[]): void {
  if (isMapping(recorded) && isMapping(wanted)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(wanted)])) {
      compare(recorded[key], wanted[key], path === '' ? key : `${path}.${key}`, changes);
    }
    return;
  }
  if (JSON.stringify(recorded) === JSON.stringify(wanted)) return;
  const change = `${path}: ${JSON.stringify(recorded)} → ${JSON.stringify(wanted)}`;
  if (!changeableKeys.some((key) => path === key || path.startsWith(`${key}.`))) {
    throw new UserError(
      `This run cannot go on with another ${change}. Only these may change: ${changeableKeys.join(', ')}. ` +
        'Start a new run for the rest.',
    );
  }
  changes.push(change);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
