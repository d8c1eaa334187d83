/** What the machine is, what else it does, and the BLAS settings that suit it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

/** What a line of Python prints; null where it fails. */
export function askPython(python, code) {
  const { stdout, status } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** The OpenBLAS core type that is fastest here: it does not know every processor. */
export function bestBlasEnv(python) {
  const avx512 = process.platform === 'linux' && readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
  const settings = [{}, { OPENBLAS_CORETYPE: 'HASWELL' }, ...(avx512 ? [{ OPENBLAS_CORETYPE: 'SKYLAKEX' }] : [])];
  const script = fileURLToPath(new URL('peers/blas_speed.py', import.meta.url));
  const speeds = settings.map((env) => {
    const { stdout, status } = spawnSync(python, [script], {
      env: { ...process.env, ...env, OPENBLAS_NUM_THREADS: '1' },
      encoding: 'utf8',
    });
    return status === 0 ? JSON.parse(stdout).gflops : 0;
  });
  // The library's own choice stands unless another one is clearly faster.
  const best = speeds.reduce((at, speed, index) => (speed > 1.05 * speeds[at] ? index : at), 0);
  const report = settings
    .map((env, index) => `${env.OPENBLAS_CORETYPE ?? 'its own choice'} ${speeds[index]}`)
    .join(', ');
  return { env: settings[best], report: `OpenBLAS on one core, GFLOP/s by core type: ${report}` };
}

/** Processor, cores, system and the versions of all programs, as one line. */
export function machine(python) {
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown processor';
  const versions = [
    `Node ${process.versions.node}`,
    askPython(python, 'import platform; print("Python", platform.python_version())'),
    askPython(python, 'import numpy; print("numpy", numpy.__version__)'),
    askPython(python, 'import torch; print("PyTorch", torch.__version__)'),
  ].filter((version) => version !== null);
  return `${cpu}, ${os.availableParallelism()} cores, ${os.type()} ${os.release()}; ${versions.join(', ')}`;
}

/** Processor time since boot, in ticks: of the whole machine, of it busy, and of this process and its ended children. */
function processorTime() {
  const [user, nice, system, idle, iowait] = readFileSync('/proc/stat', 'utf8').split(/\s+/).slice(1).map(Number);
  const own = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ').slice(11, 15);
  const busy = user + nice + system;
  return { total: busy + idle + iowait, busy, own: own.reduce((sum, ticks) => sum + Number(ticks), 0) };
}

/** Says, whenever it is called, which share of the machine others have used since; null where the system does not say. */
export function watchOthers() {
  if (process.platform !== 'linux') return () => null;
  const before = processorTime();
  return () => {
    const now = processorTime();
    return Math.max(0, now.busy - before.busy - (now.own - before.own)) / (now.total - before.total);
  };
}
