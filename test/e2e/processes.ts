/** Real processes of `recap train` and its like: started, signalled, killed, waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { configToYaml } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Train {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  constructor(words: readonly string[], env: NodeJS.ProcessEnv = {}, command = 'train') {
    this.child = spawn(process.execPath, ['dist/src/cli/main.js', command, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.child.stdout!.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr!.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.ended = once(this.child, 'close').then(([status, signal]) => ({
      status,
      signal,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Whoever read the output is gone. */
  closeOutput(): void {
    this.child.stdout!.destroy();
    this.child.stderr!.destroy();
  }

  /** Until `condition` holds or the process has ended; returns whether it holds. */
  async until(condition: (train: Train) => boolean): Promise<boolean> {
    while (!condition(this)) {
      if (!this.isRunning) return condition(this);
      await setTimeout(5);
    }
    return true;
  }
}

/** Words for a new run of this config. */
export function newRun(config: Config, dir: string): string[] {
  const file = `${dir}.yaml`;
  if (!existsSync(file)) writeFileSync(file, configToYaml(config));
  return ['--config', file, '--run', dir];
}

/** Steps that the log of a run holds by now. */
export function loggedSteps(dir: string): number {
  try {
    return readFileSync(`${dir}/metrics.jsonl`, 'utf8').match(/^\{"type":"step"/gm)?.length ?? 0;
  } catch {
    return 0;
  }
}
