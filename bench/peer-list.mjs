/**
 * The programs that recap is compared with: each a form, which is one way of writing the training step, in a threading.
 * A program is a command that prints one JSON line with captions per second and the time of a step.
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
 * @typedef {object} Program
 * @property {string} form its name
 * @property {string} name of form and threading
 * @property {(steps: number) => string[]} command
 * @property {Record<string, string>} env
 */

/**
 * @typedef {object} Form
 * @property {string} name
 * @property {Program[]} programs one a threading; the first has all cores and stands for the form in the screening
 */

/**
 * numpy and PyTorch, in every form and threading.
 *
 * @param {import('./cells.mjs').Cell} cell
 * @param {{cores: number, python: string, blasEnv: Record<string, string>, openBlas: boolean}} settings `openBlas`: whether
 *   PyTorch multiplies by OpenBLAS, whose threads are set apart from its own
 * @returns {Form[]}
 */
export function peers(cell, { cores, python, blasEnv, openBlas }) {
  const work = ['--cell', cell.recurrence, ...(cell.data === undefined ? [] : ['--data', cell.data])];
  const form = (name, command, threadings) => ({
    name,
    programs: threadings.map(({ threading, env, args = [] }) => ({
      form: name,
      name: `${name}, ${threading}`,
      command: (steps) => [python, ...command(env), ...args, '--steps', String(steps)],
      env: { ...keepMemory, ...blasEnv, ...env },
    })),
  });

  const oneThread = { threading: '1 thread', env: threads(1, 1) };
  const several = (threadings) => (cores > 1 ? threadings : []);
  const numpy = form('numpy', () => [numpyPeer, ...work], [
    ...several([
      { threading: `${cores} data-parallel threads`, env: threads(1, 1), args: ['--parts', String(cores)] },
      { threading: `${cores} BLAS threads`, env: threads(1, cores) },
    ]),
    oneThread,
  ]);

  const torch = (name) =>
    form(
      `PyTorch ${name}`,
      (env) => [
        ...[torchPeer, ...work, '--form', name, '--precision', cell.precision],
        ...['--omp-threads', env.OMP_NUM_THREADS],
      ],
      [
        ...several([
          { threading: `${cores} threads`, env: threads(cores, cores) },
          { threading: `${cores} threads, passive`, env: { ...threads(cores, cores), ...passive } },
          ...(openBlas && cell.precision === 'float32'
            ? [{ threading: `${cores} BLAS threads`, env: threads(1, cores) }]
            : []),
          { threading: `${cores} processes`, env: threads(1, 1), args: ['--processes', String(cores)] },
        ]),
        oneThread,
      ],
    );
  if (cell.attention) return ['attention-loop', 'attention-compiled', 'attention-fused'].map(torch);
  // Of the compiled forms the one that is faster there, since compiling takes longer than all of its steps.
  const compiled = cell.data === undefined ? 'compiled-loop' : 'compiled-step';
  const written = ['padded', 'packed', 'loop', 'fused-loop', compiled].map(torch);
  return cell.precision === 'float32' ? [numpy, ...written] : written;
}

/**
 * recap's own training loop: the program that is compared, and beside it in float32 what else is worth a figure.
 *
 * @param {import('./cells.mjs').Cell} cell
 * @param {{cores: number}} settings
 * @returns {Program[]}
 */
export function recapRuns(cell, { cores }) {
  const work =
    cell.data === undefined
      ? ['--shape', 'coco', '--cell', cell.recurrence, '--lengths', 'full']
      : ['--config', `${configFolder}flickr1k-${cell.recurrence}.yaml`, '--set', `data.dir=${cell.data}`];
  if (cell.attention) work.push('--set', 'model.attention=additive');
  const run = (name, engine, workers) => ({
    form: `recap ${name}`,
    name: `recap ${name}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    command: (steps) => [
      ...[process.execPath, recapCommand, 'bench', ...work, '--set', `engine=${engine}`],
      ...['--workers', String(workers), '--steps', String(steps), '--json'],
    ],
    env: {},
  });
  if (cell.precision === 'bf16') return [run('cpu bf16', '{name: cpu, precision: bf16}', cores)];
  return [
    run('cpu', '{name: cpu}', cores),
    ...(cores > 1 ? [run('cpu', '{name: cpu}', 1)] : []),
    run('cpu, WebAssembly alone', '{name: cpu, blas: none}', cores),
  ];
}
