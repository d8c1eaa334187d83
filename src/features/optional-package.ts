/** Packages without which recap trains all the same: npm leaves them out where they do not run, or they are large. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.js';

const versions = { 'onnxruntime-node': '1.30.0', 'onnxruntime-web': '1.30.0', sharp: '0.35.5' } as const;

type PackageName = keyof typeof versions;

/** @throws UserError with the command that installs it, where the package is missing or does not load here */
export async function optionalPackage<Package>(
  name: PackageName,
  purpose: string,
  load: () => Promise<Package>,
): Promise<Package> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const [line] = message.split('\n');
    const reason = code === 'ERR_MODULE_NOT_FOUND' ? 'is not installed' : `does not load here (${line})`;
    throw missing(name, purpose, reason);
  }
}

/**
 * A folder of a package whose files are taken as they are.
 *
 * @param module what of the package lies in it, by the name that programs import
 * @param from where the package is looked for, and in what is around it
 * @throws UserError with the command that installs it, where the package is missing or of another version
 */
export function optionalFolder(name: PackageName, purpose: string, module: string, from = import.meta.url): string {
  let folder: string;
  try {
    folder = dirname(createRequire(from).resolve(module));
  } catch {
    throw missing(name, purpose, 'is not installed');
  }
  const manifest = join(folder, '../package.json');
  const version = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : 'unknown';
  if (version === versions[name]) return folder;
  throw missing(name, purpose, `has version ${version}, where ${versions[name]} is needed`);
}

function missing(name: PackageName, purpose: string, reason: string): UserError {
  const skip = name === 'onnxruntime-node' ? ' --onnxruntime-node-install=skip' : '';
  return new UserError(
    `${name}, ${purpose}, ${reason}. Install it by: npm install --no-save ${name}@${versions[name]}${skip}`,
  );
}
