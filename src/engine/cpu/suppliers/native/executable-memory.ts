/**
 * Machine code in memory that the processor may run. A page is writable while the code is copied and executable from
 * then on, never both at once.
 */
import { arch, platform } from 'node:os';
import { koffi } from '../../../../foreign/koffi.js';

/** A function of C whose parameters are all `int64_t` and that gives nothing back. */
export type NativeFunction = (...values: number[]) => void;

export interface CodeEntry {
  readonly offset: number;
  readonly parameters: number;
}

const readable = 1;
const writable = 2;
const executable = 4;
const privateMapping = 2;
const anonymousMapping = 0x20;
const pageBytes = 4096;

/** Why this process cannot run code that is generated for x86-64, or null if nothing is known to forbid it. */
export function whyNoGeneratedCode(): string | null {
  if (arch() !== 'x64') return `kernels are generated for x86-64, and this is ${arch()}`;
  if (platform() !== 'linux') return `kernels are generated on Linux, and this is ${platform()}`;
  return null;
}

/**
 * Makes code executable until the process ends: unmapping it under a thread that still runs in it would crash.
 *
 * @param entries by name, the byte offset of each function and how many parameters it has
 * @throws Error where koffi is missing or the system forbids executable memory
 */
export function loadCode<Name extends string>(
  code: Uint8Array,
  entries: Readonly<Record<Name, CodeEntry>>,
): Record<Name, NativeFunction> {
  const libc = koffi().load(null);
  const mmap = libc.func('intptr_t mmap(uintptr_t at, size_t bytes, int access, int flags, int file, int64_t offset)');
  const mprotect = libc.func('int mprotect(uintptr_t at, size_t bytes, int access)');
  const memcpy = libc.func('uintptr_t memcpy(uintptr_t to, const uint8_t *from, size_t bytes)');
  const bytes = Math.ceil(code.length / pageBytes) * pageBytes;
  const at: number = mmap(0, bytes, readable | writable, privateMapping | anonymousMapping, -1, 0);
  if (at === -1) throw new Error('the system gives no memory for generated code');
  memcpy(at, code, code.length);
  if (mprotect(at, bytes, readable | executable) !== 0) throw new Error('the system forbids executable memory');
  const functions = Object.entries<CodeEntry>(entries).map(([name, { offset, parameters }]) => [
    name,
    koffi().decode(BigInt(at + offset), koffi().proto('void', Array(parameters).fill('int64_t'))) as NativeFunction,
  ]);
  return Object.fromEntries(functions) as Record<Name, NativeFunction>;
}
