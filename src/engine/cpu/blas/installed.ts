/** Which native libraries of matrix products are on this machine, and what of its processor matters to them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { type NativeLibrary, nativeLibraries } from './blas-library.js';

export interface InstalledLibrary {
  readonly library: NativeLibrary;
  readonly path: string;
}

/** File names, the preferred first. */
const fileNames: Readonly<Record<string, Readonly<Partial<Record<NativeLibrary, readonly string[]>>>>> = {
  linux: {
    onednn: ['libdnnl.so.3', 'libdnnl.so.2', 'libdnnl.so'],
    openblas: ['libopenblas.so.0', 'libopenblas.so', 'libopenblasp.so.0', 'libopenblaso.so.0'],
    mkl: ['libmkl_rt.so.2', 'libmkl_rt.so.1', 'libmkl_rt.so'],
    blis: ['libblis.so.4', 'libblis.so.3', 'libblis.so'],
  },
  darwin: {
    onednn: ['libdnnl.3.dylib', 'libdnnl.dylib'],
    openblas: ['libopenblas.0.dylib', 'libopenblas.dylib'],
    mkl: ['libmkl_rt.2.dylib', 'libmkl_rt.dylib'],
    blis: ['libblis.4.dylib', 'libblis.dylib'],
    accelerate: ['Accelerate'],
  },
  win32: {
    onednn: ['dnnl.dll'],
    openblas: ['libopenblas.dll', 'openblas.dll'],
    mkl: ['mkl_rt.2.dll', 'mkl_rt.dll'],
    blis: ['libblis.dll', 'AOCL-LibBlis-Win-dll.dll'],
  },
};

const folders: Readonly<Record<string, readonly string[]>> = {
  linux: ['/usr/local/lib', '/usr/local/lib64', '/usr/lib64', '/usr/lib', '/opt/intel/oneapi/mkl/latest/lib'],
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

/** At most one file a library. */
export function installedLibraries(): InstalledLibrary[] {
  const named = pathVariables.flatMap((name) => (process.env[name] ?? '').split(delimiter)).filter((folder) => folder);
  const searched = [...named, ...(folders[platform()] ?? []), ...(platform() === 'win32' ? windowsFolders() : [])];
  const linkerFiles = platform() === 'linux' ? linkerCache() : new Map<string, string>();
  const find = (file: string): string | undefined =>
    named.map((folder) => join(folder, file)).find((path) => existsSync(path)) ??
    linkerFiles.get(file) ??
    searched.map((folder) => join(folder, file)).find((path) => isLibrary(path));
  return nativeLibraries.flatMap((library) => {
    const path = (fileNames[platform()]?.[library] ?? []).map(find).find((found) => found !== undefined);
    return path === undefined ? [] : [{ library, path }];
  });
}

/** macOS keeps its frameworks in a cache, not in files. */
function isLibrary(path: string): boolean {
  return existsSync(path) || (platform() === 'darwin' && path.endsWith('.framework/Accelerate'));
}

function windowsFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder);
}

/** File name → path, from the dynamic linker's cache; empty where there is none, as with musl. */
function linkerCache(): Map<string, string> {
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8', timeout: 10_000 });
  const triplet = { x64: 'x86-64', arm64: 'AArch64' }[arch() as string];
  const files = new Map<string, string>();
  for (const line of (stdout ?? '').split('\n')) {
    const [, file, kind, path] = /^\s*(\S+) \(([^)]*)\) => (.+)$/.exec(line) ?? [];
    if (file && path && (triplet === undefined || kind!.includes(triplet)) && !files.has(file)) files.set(file, path);
  }
  return files;
}

/** The file that a library's name stands for, to notice when it is replaced. */
export function realFile(path: string): string {
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

/**
 * Kernels of OpenBLAS that this processor can run, to be tried beside those that it takes by itself: it knows processors
 * by number, and takes old ones for a processor newer than itself.
 */
export function openBlasCoreTypes({ flags }: Processor): string[] {
  const types: string[] = [];
  if (flags.has('avx512f') && flags.has('avx512dq') && flags.has('avx512bw') && flags.has('avx512vl')) {
    types.push('SkylakeX');
    if (flags.has('avx512_bf16')) types.push('Cooperlake');
    if (flags.has('amx_bf16') && flags.has('amx_tile')) types.push('Sapphirerapids');
  } else if (flags.has('avx2') && flags.has('fma')) {
    types.push('Haswell', 'Zen');
  }
  return types;
}
