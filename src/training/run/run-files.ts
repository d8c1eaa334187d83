/** The names of a run's files, and what tells them from those of others. */
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { readStart } from '../../files/file-ends.js';
import { isLockName } from '../../files/lock-file.js';
import { isFolder } from '../../files/make-folder.js';
import { readRegularFile } from '../../files/regular-file.js';

/** The first line of a run's config.yaml: tells its checkpoints from those of other runs. */
const runLine = /^# recap run ([0-9a-f-]{36})\r?\n/;
const longestRunLine = 64;

export function filesOf(dir: string) {
  return {
    config: join(dir, 'config.yaml'),
    metrics: join(dir, 'metrics.jsonl'),
    checkpoints: join(dir, 'checkpoints'),
  };
}

/** In a run's folder: small pictures of captioned images, and TensorBoard's event files. */
export const imagesFolder = 'images';
export const tensorboardFolder = 'tensorboard';
/** The folders in a run's folder. */
export const runSubfolders = ['checkpoints', imagesFolder, tensorboardFolder] as const;

const checkpointFile = /^checkpoints[\\/](best|step-\d+)\.safetensors$/;
const otherFile =
  /^(config\.yaml|metrics(-\d+)?\.jsonl|images[\\/](train|val)-\d+\.\w+|tensorboard[\\/]events\.out\.tfevents\.[^\\/]+)$/;
const leftover = /\.tmp-\d+$/;

/** Whether recap gives a file such a name; `path` is relative to the run's folder. */
export function isRunFile(path: string): boolean {
  const finalName = path.replace(leftover, '');
  return checkpointFile.test(finalName) || otherFile.test(finalName) || isLockName(finalName);
}

/** Whether it is what a process that was killed left half-written. */
export function isLeftover(path: string): boolean {
  return leftover.test(path) && isRunFile(path);
}

/**
 * A `checkpoints` that cannot be listed must not pass for one that is empty.
 * @throws UserError
 */
export function refuseUnreachable(checkpoints: string): void {
  if (lstatSync(checkpoints, { throwIfNoEntry: false }) === undefined || isFolder(checkpoints)) return;
  if (!lstatSync(checkpoints).isSymbolicLink())
    throw new UserError(`${checkpoints} is not a folder. Remove or mend it.`);
  throw new UserError(
    `${checkpoints} is a link to ${readlinkSync(checkpoints)}, and no folder is there. Mount its disk, or mend the link.`,
  );
}

/**
 * @returns the id of the run whose config it is
 * @throws UserError when it is not there, or not a run's
 */
export function refuseForeignConfig(config: string): string {
  if (!existsSync(config)) throw new UserError(`${dirname(config)} is not a run: it has no config.yaml.`);
  const runId = runIdOf(config);
  if (runId !== undefined) return runId;
  throw new UserError(`${config} is not a run's: its first line should be "# recap run …", with the run's id.`);
}

/**
 * Undefined where the first line is another one.
 * @throws UserError when the config cannot be read
 */
export function runIdOf(config: string): string | undefined {
  return runLine.exec(orRefused(config, () => readStart(config, longestRunLine)).toString('latin1'))?.[1];
}

/**
 * The YAML of a run's config, without the line of its id.
 * @throws UserError when it cannot be read
 */
export function readRunConfig(config: string): string {
  return orRefused(config, () => readRegularFile(config))
    .toString('utf8')
    .replace(runLine, '');
}

function orRefused(path: string, read: () => Buffer): Buffer {
  try {
    return read();
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
