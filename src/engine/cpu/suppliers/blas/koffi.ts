import { createRequire } from 'node:module';
import type Koffi from 'koffi';

export type LibraryHandle = ReturnType<typeof Koffi.load>;

/** Loaded when a library is opened, because koffi has no binary for some platforms and all else works without it. */
export function koffi(): typeof Koffi {
  return createRequire(import.meta.url)('koffi') as typeof Koffi;
}
