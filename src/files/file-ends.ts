/** The first and the last bytes of a file that may be of any size. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { openRegularFile } from './regular-file.js';

/** Fewer where the file is shorter; throws as `openRegularFile`. */
export function readStart(path: string, bytes: number): Buffer {
  return readPart(path, () => 0, bytes);
}

/** Fewer where the file is shorter; throws as `openRegularFile`. */
export function readEnd(path: string, bytes: number): Buffer {
  return readPart(path, (size) => Math.max(0, size - bytes), bytes);
}

function readPart(path: string, from: (size: number) => number, bytes: number): Buffer {
  const file = openRegularFile(path);
  try {
    const { size } = fstatSync(file);
    const part = Buffer.alloc(Math.min(bytes, size));
    let done = 0;
    for (const begin = from(size); done < part.length; ) {
      const read = readSync(file, part, done, part.length - done, begin + done);
      if (read === 0) break;
      done += read;
    }
    return part.subarray(0, done);
  } finally {
    closeSync(file);
  }
}
