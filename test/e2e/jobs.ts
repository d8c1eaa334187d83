/** Jobs of several processes that a real MPI launcher starts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Ended } from './processes.js';

/** Debian's names, by which both may be installed beside each other. */
export const launchers = { 'Open MPI': 'mpirun.openmpi', MPICH: 'mpirun.mpich' } as const;
export type Implementation = keyof typeof launchers;

/** The variable that tells a process its rank. */
const rankVariables: Readonly<Record<Implementation, string>> = {
  'Open MPI': 'OMPI_COMM_WORLD_RANK',
  MPICH: 'PMI_RANK',
};

/** What some of the ranks run: `recap WORDS...`. */
export interface Program {
  readonly ranks: number;
  readonly words: readonly string[];
  readonly folder?: string;
  /** Of the launcher. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** Open MPI's messages over the loopback interface, in place of shared memory. */
export const loopback = { OMPI_MCA_btl: 'self,tcp', OMPI_MCA_btl_tcp_if_include: 'lo' };

/** As root, and where one process may not read another's memory, which Open MPI would warn of. */
const anywhere = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_btl_vader_single_copy_mechanism: 'none',
};

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export class Job {
  private output = '';
  private errors = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  constructor(
    private readonly implementation: Implementation,
    ...programs: readonly Program[]
  ) {
    const isOpen = implementation === 'Open MPI';
    const words = programs.flatMap(({ ranks, folder, words }, i) => [
      ...(i > 0 ? [':'] : []),
      ...(folder === undefined ? [] : ['-wdir', folder]),
      ...['-n', `${ranks}`, process.execPath, main, ...words],
    ]);
    this.child = spawn(
      launchers[implementation],
      [...(isOpen ? ['--oversubscribe', '--bind-to', 'none'] : []), ...words],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: Object.assign({ ...process.env }, anywhere, ...programs.map(({ environment }) => environment)),
      },
    );
    this.child.stdout!.on('data', (chunk) => {
      this.output += chunk;
    });
    this.child.stderr!.on('data', (chunk) => {
      this.errors += chunk;
    });
    this.ended = once(this.child, 'close').then(([status, signal]) => ({
      status,
      signal,
      stdout: this.output.replaceAll('\r\n', '\n'),
      stderr: this.errors,
    }));
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** To the launcher. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The process of a rank, which must be running. */
  pidOf(rank: number): number {
    const variable = `${rankVariables[this.implementation]}=${rank}`;
    const isChild = (pid: number): boolean => pid === this.child.pid || (pid > 1 && isChild(parentOf(pid)));
    const pid = readdirSync('/proc')
      .map(Number)
      .find((each) => each > 0 && environmentOf(each).includes(variable) && isChild(each));
    if (pid === undefined) throw new Error(`rank ${rank} is not running:\n${this.output}${this.errors}`);
    return pid;
  }
}

/** How recap names a rank's process. */
export function nameOf(rank: number, pid: number): string {
  return `rank ${rank} (process ${pid} on ${hostname()})`;
}

/** Whether a process is there and has not ended: one that nobody has waited for stays in the list as a zombie. */
export function isAlive(pid: number): boolean {
  const state = /^State:\s*(\S)/m.exec(fileOf(pid, 'status'))?.[1];
  return state !== undefined && state !== 'Z';
}

function environmentOf(pid: number): readonly string[] {
  return fileOf(pid, 'environ').split('\0');
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(fileOf(pid, 'status'))?.[1] ?? 0);
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
