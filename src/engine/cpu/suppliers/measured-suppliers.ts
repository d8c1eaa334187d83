/**
 * Finds out once a machine which suppliers of matrix products work on it and how fast each is, and remembers it in the
 * cache folder. Each is tried in a process of its own, one after another, so that a library that crashes or hangs costs
 * nothing but its place in the list.
 */
import { fork } from 'node:child_process';
import { workerFile } from '../../../files/worker-files.js';
import { hasBf16, installedLibraries, openBlasCoreTypes, type Processor, thisProcessor } from './blas/installed.js';
import type { MeasurementJob } from './measure.js';
import { type Answer, type Job, MeasurementCache } from './measurement-cache.js';
import { libraryEnvironment, type Supplier } from './supplier.js';

export interface MeasuredSupplier {
  readonly supplier: Supplier;
  readonly precision: 'float32' | 'bf16';
  /** Milliseconds that a forward and backward pass took; null where the supplier does not work. */
  readonly milliseconds: number | null;
  readonly gflops: number | null;
  /** Why it does not work. */
  readonly reason: string | null;
  /** Whether that may be gone another time: it was too busy here, killed, or without memory. */
  readonly passing: boolean;
}

/** Raised when what is measured, or how, changes. */
const cacheVersion = 7;
const longestMs = 20_000;

/** What libraries read of the environment that decides which kernels compute. */
const libraryVariables = [
  'BLIS_ARCH_TYPE',
  'DNNL_DEFAULT_FPMATH_MODE',
  'DNNL_MAX_CPU_ISA',
  'LD_PRELOAD',
  'MKL_CBWR',
  'MKL_DEBUG_CPU_TYPE',
  'MKL_ENABLE_INSTRUCTIONS',
  'ONEDNN_DEFAULT_FPMATH_MODE',
  'ONEDNN_MAX_CPU_ISA',
  'OPENBLAS_CORETYPE',
];

/** @param anew whether to measure all again, whatever is remembered */
export async function measuredSuppliers(anew = false): Promise<readonly MeasuredSupplier[]> {
  const processor = thisProcessor();
  const environment = libraryVariables.map((name) => process.env[name] ?? '');
  const machine = [cacheVersion, process.version, processor.model, [...processor.flags].sort(), environment];
  const cache = new MeasurementCache(JSON.stringify(machine), anew);
  const measured: MeasuredSupplier[] = [];
  // Of the files of a library, the first that works is taken.
  const working = new Set<MeasurementJob['library']>();
  const broken = new Set<string>();
  for (const { job, isFirst } of jobs(installedLibraries(), processor)) {
    const file = `${job.library} ${job.path}`;
    if (broken.has(file) || (isFirst && working.has(job.library))) {
      broken.add(file);
      continue;
    }
    const answer = cache.find(job) ?? cache.keep(job, await runJob(job));
    const found = resultOf(job, answer);
    if (isFirst && found.reason === null) working.add(job.library);
    else if (isFirst) broken.add(file);
    measured.push(found);
  }
  cache.write();
  return withoutDuplicates(measured);
}

interface ListedJob {
  readonly job: Job;
  /** Whether it is the first of a file: where it fails, the others need no trial. */
  readonly isFirst: boolean;
}

function jobs(
  installed: readonly { library: MeasurementJob['library']; path: string }[],
  processor: Processor,
): ListedJob[] {
  const plain = { precision: 'float32', coreType: '', blockedWeights: 'none' } as const;
  // Of equally fast ones the first is taken.
  const list: ListedJob[] = [];
  const add = (job: Job, isFirst = false) => list.push({ job, isFirst });
  for (const library of ['native', 'wasm'] as const) add({ ...plain, library, path: '' }, true);
  for (const { library, path } of installed) {
    add({ ...plain, library, path }, true);
    if (library === 'openblas') {
      for (const coreType of openBlasCoreTypes(processor)) add({ ...plain, library, path, coreType });
    }
    if (library === 'onednn') {
      for (const blockedWeights of ['most', 'all'] as const) add({ ...plain, library, path, blockedWeights });
      if (hasBf16(processor)) {
        for (const blockedWeights of ['none', 'all'] as const) {
          add({ ...plain, library, path, precision: 'bf16', blockedWeights });
        }
      }
    }
  }
  return list;
}

function resultOf({ library, path, precision, coreType, blockedWeights }: Job, answer: Answer): MeasuredSupplier {
  const supplierOf = (version: string, kernels: string): Supplier =>
    library === 'wasm' || library === 'native' ? { library } : { library, path, version, kernels, blockedWeights };
  const failed = (version: string, reason: string): MeasuredSupplier => {
    const passing = 'passing' in answer && answer.passing === true;
    return { supplier: supplierOf(version, coreType), precision, milliseconds: null, gflops: null, reason, passing };
  };
  if ('reason' in answer) return failed('', answer.reason);
  const { version, kernels, milliseconds, gflops } = answer.measurement;
  // A library that does not have the kernels asked for takes others.
  if (coreType !== '' && kernels.toLowerCase() !== coreType.toLowerCase())
    return failed(version, 'not in this library');
  return { supplier: supplierOf(version, kernels), precision, milliseconds, gflops, reason: null, passing: false };
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

/** @returns the answer; what another time may go otherwise (too busy, killed, no memory, no process) is `passing` */
function runJob({ coreType, ...job }: Job): Promise<Answer> {
  return new Promise((resolve) => {
    const passing = (reason: string) => resolve({ reason, passing: true });
    const child = fork(workerFile('measure-blas'), [], {
      env: { ...process.env, ...libraryEnvironment(job.library, coreType) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: longestMs,
      killSignal: 'SIGKILL',
    });
    child.on('message', (answer) => resolve(answer as Answer));
    child.on('error', (error) => passing(error.message));
    child.on('exit', (code, signal) => {
      if (signal === null) passing(`trying it ended with exit code ${code}`);
      else if (crashes.has(signal)) resolve({ reason: `trying it ended with ${signal}` });
      else passing(`trying it ended with ${signal}`);
    });
    child.send(job, () => {});
  });
}

/** Signals that a library brings upon its process. */
const crashes: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGILL', 'SIGBUS', 'SIGFPE', 'SIGABRT']);
