/** Packages with machine code, without which recap trains all the same: npm leaves them out where they have none. */
import { UserError } from '../errors.js';

const versions = { 'onnxruntime-node': '1.30.0', sharp: '0.35.5' } as const;

/** @throws UserError with the command that installs it, where the package is missing or does not load here */
export async function optionalPackage<Package>(
  name: keyof typeof versions,
  purpose: string,
  load: () => Promise<Package>,
): Promise<Package> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const [line] = message.split('\n');
    const reason = code === 'ERR_MODULE_NOT_FOUND' ? 'is not installed' : `does not load here (${line})`;
    throw new UserError(
      `${name}, ${purpose}, ${reason}. Install it by: npm install --no-save ${name}@${versions[name]}` +
        `${name === 'sharp' ? '' : ' --onnxruntime-node-install=skip'}`,
    );
  }
}
