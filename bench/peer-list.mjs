/**
 * The programs that recap is compared with, and the ways of running it: each a command that prints one JSON line with
 * captions per second and the time of a step. A family is one way of writing the step; its members differ in threads.
 */
import { fileURLToPath } from 'node:url';

const numpyPeer = fileURLToPath(new URL('peers/numpy_peer.py', import.meta.url));
const torchPeer = fileURLToPath(new URL('peers/torch_peer.py', import.meta.url));
const recapCommand = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));
const configFolder = fileURLToPath(new URL('../config/', import.meta.url));

/**
 * glibc gives tensors of some MB back to the system when they are freed and takes them anew, page by page, at the next
 * step. Keeping them, in huge pages, speeds PyTorch's step up by 5 to 10%.
 */
const keepMemory = {
  GLIBC_TUNABLES: [
    'glibc.malloc.hugetlb=1',
    'glibc.malloc.mmap_threshold=33554432',
    'glibc.malloc.trim_threshold=2147483648',
    'glibc.malloc.top_pad=268435456',
  ].join(':'),
};

/** Threads that wait sleep instead of spinning on a core that another thread needs. */
const passive = { OMP_WAIT_POLICY: 'PASSIVE', GOMP_SPINCOUNT: '0', KMP_BLOCKTIME: '0' };

const threads = (omp, blas) => ({ OMP_NUM_THREADS: String(omp), OPENBLAS_NUM_THREADS: String(blas) });

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} family
 * @property {'recap' | 'numpy' | 'torch'} program
 * @property {'float32' | 'bf16'} precision
 * @property {(steps: number) => string[]} command
 * @property {Record<string, string>} env
 * @property {number} [mostSteps] where a step takes seconds
 */

/**
 * numpy and PyTorch, in every form and threading.
 *
 * @returns {Peer[]}
 */
export function peers({ cell, attention, data, cores, python, blasEnv }) {
  const work = ['--cell', cell, ...(data ? ['--data', data] : [])];
  const found = [];
  const numpy = (name, env, args = []) =>
    found.push({
      name: `numpy, ${name}`,
      family: 'numpy',
      program: 'numpy',
      precision: 'float32',
      command: (steps) => [python, numpyPeer, ...work, ...args, '--steps', String(steps)],
      env: { ...keepMemory, ...blasEnv, ...env },
    });
  if (!attention) numpy('1 thread', threads(1, 1));
  if (!attention && cores > 1) {
    numpy(`${cores} BLAS threads`, threads(1, cores));
    numpy(`${cores} data-parallel threads`, threads(1, 1), ['--parts', String(cores)]);
  }

  const torch = (form, precision, name, env, args = []) =>
    found.push({
      name: `PyTorch ${form}${precision === 'bf16' ? ' bf16' : ''}, ${name}`,
      family: `PyTorch ${form} ${precision}`,
      program: 'torch',
      precision,
      command: (steps) => [
        ...[python, torchPeer, ...work, '--form', form, '--precision', precision],
        ...['--omp-threads', env.OMP_NUM_THREADS, ...args, '--steps', String(steps)],
      ],
      env: { ...keepMemory, ...blasEnv, ...env },
    });
  const forms = attention
    ? ['attention-loop', 'attention-compiled', 'attention-fused']
    : ['padded', 'packed', 'loop', 'fused-loop'];
  for (const precision of attention ? ['float32'] : ['float32', 'bf16']) {
    for (const form of forms) {
      torch(form, precision, '1 thread', threads(1, 1));
      if (cores === 1) continue;
      torch(form, precision, `${cores} threads`, threads(cores, cores));
      torch(form, precision, `${cores} threads, passive`, { ...threads(cores, cores), ...passive });
      if (precision === 'float32') torch(form, precision, `${cores} BLAS threads`, threads(1, cores));
      torch(form, precision, `${cores} processes`, threads(1, 1), ['--processes', String(cores)]);
    }
  }
  return found;
}

/**
 * recap's own training loop, with each engine that is worth comparing.
 *
 * @returns {Peer[]}
 */
export function recapRuns({ cell, attention, data, cores }) {
  const work = data
    ? ['--config', `${configFolder}flickr1k-${cell}.yaml`, '--set', `data.dir=${data}`]
    : ['--shape', 'coco', '--cell', cell, '--lengths', 'full'];
  if (attention) work.push('--set', 'model.attention=additive');
  const run = (name, engine, precision, workers, mostSteps) => ({
    name: `recap ${name}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    family: `recap ${name} ${workers}`,
    program: 'recap',
    precision,
    command: (steps) => [
      ...[process.execPath, recapCommand, 'bench', ...work, '--set', `engine=${engine}`],
      ...['--workers', String(workers), '--steps', String(steps), '--json'],
    ],
    env: {},
    mostSteps,
  });
  return [
    run('cpu', '{name: cpu}', 'float32', cores),
    ...(cores > 1 ? [run('cpu', '{name: cpu}', 'float32', 1)] : []),
    run('cpu bf16', '{name: cpu, precision: bf16}', 'bf16', cores),
    run('cpu, WebAssembly alone', '{name: cpu, blas: none}', 'float32', cores),
    run('gpu.js webasm', '{name: gpu, mode: webasm}', 'float32', cores, 3),
  ];
}
