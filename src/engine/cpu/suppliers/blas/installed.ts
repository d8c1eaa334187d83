/** Which native libraries of matrix products are on this machine, and what of its processor matters to them. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { type NativeLibrary, nativeLibraries } from './library.js';

export interface InstalledLibrary {
  readonly library: NativeLibrary;
  readonly path: string;
}

/** File names; builds for 64-bit integers (libopenblas64) have other function names and are left out. */
const fileNames: Readonly<Record<NativeLibrary, RegExp>> = {
  onednn: /^(lib)?dnnl(\.[\d.]+)?\.(so|dylib|dll)(\.[\d.]+)?$/,
  openblas: /^(lib)?openblas[po]?(-r[\d.]+)?(\.[\d.]+)?\.(so|dylib|dll)(\.[\d.]+)?$/,
  accelerate: /^Accelerate$/,
};

const folders: Readonly<Record<string, readonly string[]>> = {
  linux: ['/usr/local/lib', '/usr/local/lib64', '/usr/lib64', '/usr/lib'],
  darwin: [
    '/opt/homebrew/lib',
    '/opt/homebrew/opt/openblas/lib',
    '/usr/local/lib',
    '/usr/local/opt/openblas/lib',
    '/System/Library/Frameworks/Accelerate.framework',
  ],
  win32: [],
};

/** Variables whose folders are searched first; RECAP_BLAS_PATH is recap's own. */
const pathVariables = ['RECAP_BLAS_PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'];

/** Files of each library in the order in which they are to be tried; a file under several names counts once. */
export function installedLibraries(): InstalledLibrary[] {
  const named = pathVariables.flatMap((name) => (process.env[name] ?? '').split(delimiter)).filter((folder) => folder);
  const others = platform() === 'win32' ? (process.env.PATH ?? '').split(delimiter) : (folders[platform()] ?? []);
  // In order of preference; the linker's cache leads to the file that other programs get.
  const candidates = [...named.flatMap(filesIn), ...linkerCache(), ...others.flatMap(filesIn)];
  return nativeLibraries.flatMap((library) => {
    const found = candidates.filter((path) => fileNames[library].test(basename(path)));
    const byFile = new Map(found.toReversed().map((path) => [realFile(path), path]));
    return found.filter((path) => byFile.get(realFile(path)) === path).map((path) => ({ library, path }));
  });
}

/** The newest version first. */
function filesIn(folder: string): string[] {
  try {
    const files = readdirSync(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
    return files.map((file) => join(folder, file));
  } catch {
    return [];
  }
}

/** Paths in the dynamic linker's cache; none where there is no such cache, as with musl. */
function linkerCache(): string[] {
  if (platform() !== 'linux') return [];
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8', timeout: 10_000 });
  const architecture = { x64: 'x86-64', arm64: 'AArch64' }[arch() as string] ?? '';
  return (stdout ?? '').split('\n').flatMap((line) => {
    const [, kind, path] = /^\s*\S+ \(([^)]*)\) => (.+)$/.exec(line) ?? [];
    return path !== undefined && kind!.includes(architecture) ? [path] : [];
  });
}

function realFile(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

export interface Processor {
  readonly model: string;
  /** Instruction set extensions as Linux names them; empty where the system does not tell. */
  readonly flags: ReadonlySet<string>;
}

export function thisProcessor(): Processor {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  let flags: string[] = [];
  try {
    flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [];
  } catch {
    // Only Linux has this file.
  }
  return { model, flags: new Set(flags) };
}

/** Whether the processor multiplies bfloat16 faster than float32. */
export function hasBf16({ flags }: Processor): boolean {
  return flags.has('avx512_bf16') || flags.has('amx_bf16');
}

/** Whether the processor multiplies bfloat16 in tiles, several times faster than in vectors. */
export function hasAmx({ flags }: Processor): boolean {
  return flags.has('amx_bf16');
}
