/** Suites that need something a machine may lack: they run where it is there and are skipped by name where it is not. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { generationSupport } from '../../src/engine/cpu/suppliers/native/generated-kernels.js';
import type { ElementType } from '../../src/engine/cpu/suppliers/products.js';

export interface Requirement {
  /** A path under ../shared, where data too large for the repository lies. */
  readonly shared?: string;
  /** A WebGPU adapter, which may be a software one. */
  readonly webgpu?: boolean;
  readonly blas?: 'openblas' | 'onednn' | 'accelerate';
  /** A program on the PATH. */
  readonly command?: string;
  /** Python's h5py: see `pythonWithH5py`. */
  readonly h5py?: boolean;
  /** Python's TensorBoard: see `pythonWithTensorboard`. */
  readonly tensorboard?: boolean;
  /** The super-user. */
  readonly root?: boolean;
  /** A processor with bfloat16 products (AVX512-BF16 or AMX) and oneDNN. */
  readonly bf16?: boolean;
  /** A system and a processor that recap generates kernels for, for products of such operands. */
  readonly generated?: ElementType;
  /** The optional package that runs networks. */
  readonly onnxruntime?: boolean;
  /** The npm registry. */
  readonly network?: boolean;
}

const sharedFolder = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** The absolute path of a file under ../shared. */
export function sharedFile(path: string): string {
  return sharedFolder + path;
}

/** Library files by which each BLAS is found, in the dynamic linker's cache. */
const blasFiles = {
  openblas: /libopenblas\S*\.so/,
  onednn: /libdnnl\.so/,
  accelerate: /^$/,
} as const;

/** Accelerate comes with macOS alone. */
const freelyInstallable: readonly string[] = ['openblas', 'onednn'];

let linkerCache: string | undefined;

function hasBlas(name: keyof typeof blasFiles): boolean {
  if (name === 'accelerate') return process.platform === 'darwin';
  linkerCache ??= spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).stdout ?? '';
  return blasFiles[name].test(linkerCache);
}

function hasCommand(command: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore' }).status === 0;
}

let h5pyAnswer: string | null | undefined;

/** A Python that has h5py, the system's where the first on the PATH has not; null where there is none. */
export function pythonWithH5py(): string | null {
  const has = (python: string) => spawnSync(python, ['-c', 'import h5py'], { stdio: 'ignore' }).status === 0;
  if (h5pyAnswer === undefined) h5pyAnswer = ['python3', '/usr/bin/python3'].find(has) ?? null;
  return h5pyAnswer;
}

let tensorboardAnswer: string | null | undefined;

/** A Python that has TensorBoard: that of RECAP_TENSORBOARD_PYTHON, or the first on the PATH; null where neither has. */
export function pythonWithTensorboard(): string | null {
  const has = (python: string) => spawnSync(python, ['-c', 'import tensorboard'], { stdio: 'ignore' }).status === 0;
  tensorboardAnswer ??= [process.env.RECAP_TENSORBOARD_PYTHON ?? 'python3', 'python3'].find(has) ?? null;
  return tensorboardAnswer;
}

let webgpuAnswer: boolean | undefined;

/** Asks in a process of its own, because a Dawn device would keep this one alive. */
function hasWebgpu(): boolean {
  webgpuAnswer ??= (() => {
    const script =
      "import('webgpu').then(async ({ create }) => process.exit((await create([]).requestAdapter()) ? 0 : 1), () => process.exit(1))";
    const env = { XDG_RUNTIME_DIR: '/tmp', ...process.env };
    return spawnSync(process.execPath, ['-e', script], { stdio: 'ignore', env, timeout: 200_000 }).status === 0;
  })();
  return webgpuAnswer;
}

function hasBf16Processor(): boolean {
  if (process.platform !== 'linux') return false;
  return /\b(avx512_bf16|amx_bf16)\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
}

function hasOnnxruntime(): boolean {
  try {
    createRequire(import.meta.url)('onnxruntime-node');
    return true;
  } catch {
    return false;
  }
}

let networkAnswer: boolean | undefined;

function hasNetwork(): boolean {
  networkAnswer ??=
    spawnSync('npm', ['ping', '--fetch-retries=0', '--fetch-timeout=30000'], { stdio: 'ignore', timeout: 120_000 })
      .status === 0;
  return networkAnswer;
}

interface Missing {
  readonly what: string;
  /** Installing software on this machine could supply it. */
  readonly installable: boolean;
}

function missingOf(requirement: Requirement): Missing | null {
  const { shared, webgpu, blas, command, h5py, tensorboard, root, bf16, generated, onnxruntime, network } = requirement;
  const installable = (what: string): Missing => ({ what, installable: true });
  if (shared !== undefined && !existsSync(sharedFile(shared))) {
    return { what: `../shared/${shared} is not there`, installable: existsSync(sharedFolder) };
  }
  if (command !== undefined && !hasCommand(command)) return installable(`the program ${command} is not installed`);
  if (h5py && pythonWithH5py() === null) return installable("Python's h5py is not installed");
  if (tensorboard && pythonWithTensorboard() === null) return installable("Python's tensorboard is not installed");
  if (typeof blas === 'string' && !hasBlas(blas)) {
    return { what: `${blas} is not installed`, installable: freelyInstallable.includes(blas) };
  }
  if (bf16 && !hasBf16Processor()) {
    return { what: 'this processor has neither AVX512-BF16 nor AMX', installable: false };
  }
  if (bf16 && !hasBlas('onednn')) return installable('onednn is not installed');
  if (generated && generationSupport(generated).reason !== null) {
    return { what: generationSupport(generated).reason!, installable: false };
  }
  if (root && process.getuid?.() !== 0) return installable('not run as root');
  if (webgpu && !hasWebgpu()) return installable('no WebGPU adapter');
  if (onnxruntime && !hasOnnxruntime()) return installable('the package onnxruntime-node is not installed');
  if (network && !hasNetwork()) return installable('the npm registry cannot be reached');
  return null;
}

/**
 * `describe`, or a skipped suite whose name carries the reason. With RECAP_FORBID_SKIPS=1 what could be installed and
 * is not fails instead.
 */
export function describeWith(requirement: Requirement, name: string, fn: () => void): void {
  const missing = missingOf(requirement);
  if (missing === null) {
    describe(name, fn);
  } else if (process.env.RECAP_FORBID_SKIPS === '1' && missing.installable) {
    describe(name, () => {
      it('has what it needs', () => {
        throw new Error(`Skips are forbidden and ${missing.what}.`);
      });
    });
  } else {
    describe.skip(`${name} (skipped: ${missing.what})`, fn);
  }
}
