/**
 * Finds out once a machine which suppliers of matrix products work on it and how fast each is, and remembers it in the
 * cache folder. Each is tried in a process of its own, one after another, so that a library that crashes or hangs costs
 * nothing but its place in the list.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../../files/atomic-file.js';
import { cacheFolder } from '../../files/cache-folder.js';
import { workerFile } from '../../training/worker-files.js';
import {
  hasBf16,
  installedLibraries,
  openBlasCoreTypes,
  type Processor,
  realFile,
  thisProcessor,
} from './blas/installed.js';
import type { Measurement, MeasurementJob } from './measure.js';
import { libraryEnvironment, type Supplier } from './supplier.js';

export interface MeasuredSupplier {
  readonly supplier: Supplier;
  readonly precision: 'float32' | 'bf16';
  /** Milliseconds that a forward and backward pass took; null where the supplier does not work. */
  readonly milliseconds: number | null;
  readonly gflops: number | null;
  /** Why it does not work. */
  readonly reason: string | null;
}

/** Raised when what is measured, or how, changes. */
const cacheVersion = 5;
const longestMs = 20_000;

export async function measuredSuppliers(): Promise<readonly MeasuredSupplier[]> {
  const processor = thisProcessor();
  const installed = installedLibraries();
  const files = installed.map(({ library, path }) => {
    const file = realFile(path);
    const stat = statSync(file, { throwIfNoEntry: false });
    return [library, path, file, stat?.size ?? 0, stat?.mtimeMs ?? 0];
  });
  const key = JSON.stringify([cacheVersion, process.version, processor.model, [...processor.flags].sort(), files]);
  const cached = readCache(key);
  if (cached) return cached;
  const measured: MeasuredSupplier[] = [];
  const broken = new Set<string>();
  for (const job of jobs(installed, processor)) {
    if (broken.has(job.path)) continue;
    const found = await tryOut(job);
    if (found.reason !== null && job.coreType === '' && job.blockedWeights === 'none') broken.add(job.path);
    measured.push(found);
  }
  const distinct = withoutDuplicates(measured);
  writeCache(key, distinct);
  return distinct;
}

interface Job extends MeasurementJob {
  /** The core type that OpenBLAS shall take, '' for its own choice. */
  readonly coreType: string;
}

function jobs(installed: readonly { library: MeasurementJob['library']; path: string }[], processor: Processor): Job[] {
  const plain = { precision: 'float32', coreType: '', blockedWeights: 'none' } as const;
  const list: Job[] = [{ ...plain, library: 'wasm', path: '' }];
  for (const { library, path } of installed) {
    list.push({ ...plain, library, path });
    if (library === 'openblas') {
      for (const coreType of openBlasCoreTypes(processor)) list.push({ ...plain, library, path, coreType });
    }
    if (library === 'onednn') {
      for (const blockedWeights of ['most', 'all'] as const) list.push({ ...plain, library, path, blockedWeights });
      if (hasBf16(processor)) {
        for (const blockedWeights of ['none', 'all'] as const) {
          list.push({ ...plain, library, path, precision: 'bf16', blockedWeights });
        }
      }
    }
  }
  return list;
}

async function tryOut(job: Job): Promise<MeasuredSupplier> {
  const { library, path, precision, coreType, blockedWeights } = job;
  const answer = await runJob(job);
  const supplierOf = (version: string, kernels: string): Supplier =>
    library === 'wasm' ? { library } : { library, path, version, kernels, blockedWeights };
  if ('reason' in answer) {
    return {
      supplier: supplierOf('', coreType),
      precision,
      milliseconds: null,
      gflops: null,
      reason: answer.reason,
    };
  }
  const { version, kernels, milliseconds, gflops } = answer.measurement;
  // A library that does not have the kernels asked for takes others.
  const ignored = coreType !== '' && kernels.toLowerCase() !== coreType.toLowerCase();
  return ignored
    ? {
        supplier: supplierOf(version, coreType),
        precision,
        milliseconds: null,
        gflops: null,
        reason: 'not in this library',
      }
    : { supplier: supplierOf(version, kernels), precision, milliseconds, gflops, reason: null };
}

/** OpenBLAS's own choice comes up again among the core types tried. */
function withoutDuplicates(measured: readonly MeasuredSupplier[]): MeasuredSupplier[] {
  const best = new Map<string, MeasuredSupplier>();
  for (const each of measured) {
    const key = JSON.stringify([each.supplier, each.precision]);
    const known = best.get(key);
    if (!known || (each.milliseconds ?? Infinity) < (known.milliseconds ?? Infinity)) best.set(key, each);
  }
  return [...best.values()];
}

type Answer = { readonly measurement: Measurement } | { readonly reason: string };

function runJob({ coreType, ...job }: Job): Promise<Answer> {
  return new Promise((resolve) => {
    const child = fork(workerFile('measure-blas'), [], {
      env: { ...process.env, ...libraryEnvironment(job.library, coreType) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: longestMs,
      killSignal: 'SIGKILL',
    });
    child.on('message', (answer) => resolve(answer as Answer));
    child.on('error', (error) => resolve({ reason: error.message }));
    child.on('exit', (code, signal) => {
      resolve({ reason: signal ? `trying it ended with ${signal}` : `trying it ended with exit code ${code}` });
    });
    child.send(job, () => {});
  });
}

function cacheFile(key: string): string {
  return join(cacheFolder(), `products-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.json`);
}

function readCache(key: string): readonly MeasuredSupplier[] | null {
  try {
    const content = JSON.parse(readFileSync(cacheFile(key), 'utf8')) as { key: string; measured: MeasuredSupplier[] };
    return content.key === key && Array.isArray(content.measured) ? content.measured : null;
  } catch {
    return null;
  }
}

/** A cache that cannot be written means measuring again next time, nothing more. */
function writeCache(key: string, measured: readonly MeasuredSupplier[]): void {
  try {
    mkdirSync(cacheFolder(), { recursive: true });
    writeFileAtomically(cacheFile(key), `${JSON.stringify({ key, measured }, null, 1)}\n`);
  } catch {
    // Read-only home folders are common in containers.
  }
}
