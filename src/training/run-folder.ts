/** The folder of one run: its config, its metrics, its checkpoints, and the lock that gives it to one process. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { UserError } from '../errors.js';
import { removeLeftovers, writeFileAtomically } from '../files/atomic-file.js';
import { acquireLock, type Lock } from '../files/lock.js';
import { type Checkpoint, checkpointSteps, newestWholeCheckpoint } from './checkpoint.js';

/** The first line of a run's config.yaml: tells its checkpoints from those of other runs. */
const runLine = /^# recap run ([0-9a-f-]{36})\r?\n/;

export class RunFolder {
  readonly configPath: string;
  readonly metricsPath: string;
  readonly checkpointsDir: string;

  private constructor(
    readonly dir: string,
    readonly runId: string,
    private readonly lock: Lock,
  ) {
    const files = filesOf(dir);
    this.configPath = files.config;
    this.metricsPath = files.metrics;
    this.checkpointsDir = files.checkpoints;
  }

  /**
   * Makes and locks the folder of a new run.
   *
   * @param configYaml the resolved config
   * @throws UserError when the folder holds a run, or a config.yaml that is not a run's, or cannot be written
   */
  static create(dir: string, configYaml: string): RunFolder {
    const files = filesOf(dir);
    try {
      mkdirSync(dir, { recursive: true });
    } catch (error) {
      throw new UserError(`The run folder ${dir} cannot be made: ${(error as Error).message}`);
    }
    return withLock(dir, (lock) => {
      refuseUsedFolder(dir);
      mkdirSync(files.checkpoints, { recursive: true });
      const run = new RunFolder(dir, randomUUID(), lock);
      run.writeConfig(configYaml);
      return run;
    });
  }

  /**
   * Locks the folder of a run that is to go on. The run may have been stopped before its first checkpoint.
   *
   * @throws UserError when there is no such run, or another process has it
   */
  static open(dir: string): RunFolder {
    const { config } = filesOf(dir);
    if (!existsSync(dir) || !statSync(dir).isDirectory())
      throw new UserError(`There is no run folder ${dir} to resume.`);
    if (!existsSync(config)) throw new UserError(`${dir} is not a run: it has no config.yaml.`);
    const runId = runLine.exec(readText(config))?.[1];
    if (runId === undefined) {
      throw new UserError(`${config} is not a run's: its first line should be "# recap run …", with the run's id.`);
    }
    return withLock(dir, (lock) => new RunFolder(dir, runId, lock));
  }

  /** The resolved config, as YAML. */
  readConfig(): string {
    return readText(this.configPath).replace(runLine, '');
  }

  /** Replaces the config, for what a resumption changes. */
  writeConfig(yaml: string): void {
    try {
      writeFileAtomically(this.configPath, `# recap run ${this.runId}\n${yaml}`);
    } catch (error) {
      throw new UserError(`${this.configPath} cannot be written: ${(error as Error).message}`);
    }
  }

  /**
   * Where to go on.
   *
   * @param onBad told of every newer checkpoint that was passed over, and why
   * @returns null when the run has not come to its first checkpoint, so that it begins again at step 0
   * @throws UserError when there are checkpoints and none is whole
   */
  newestCheckpoint(onBad: (path: string, why: string) => void): Checkpoint | null {
    const bad: string[] = [];
    const newest = newestWholeCheckpoint(this.checkpointsDir, this.runId, (path, why) => {
      bad.push(path);
      onBad(path, why);
    });
    if (!newest && bad.length > 0) {
      throw new UserError(
        `None of the ${bad.length} checkpoints in ${this.checkpointsDir} is whole, so the run cannot go on.`,
      );
    }
    return newest;
  }

  /** Gives the folder free. */
  unlock(): void {
    this.lock.release();
  }
}

/**
 * Asked before data is loaded, so that the answer does not take minutes; asked again when the folder is locked.
 *
 * @throws UserError when the folder holds a run, or a config.yaml that is not a run's
 */
export function refuseUsedFolder(dir: string): void {
  const files = filesOf(dir);
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new UserError(`${dir} is a file and cannot be the folder of a run. Name another folder.`);
  }
  if (existsSync(files.metrics) || checkpointSteps(files.checkpoints).length > 0) {
    throw new UserError(
      `${dir} already holds a run. Go on with it by \`recap train --resume ${dir}\`, or name another folder.`,
    );
  }
  if (existsSync(files.config) && !runLine.test(readText(files.config))) {
    throw new UserError(`${files.config} is not a run's and would be overwritten. Name another folder.`);
  }
}

/**
 * `ROOT/CONFIG-YYYYMMDD-HHMMSS`, in local time, with a number behind it where that is taken.
 *
 * @param configPath gives the run its name
 */
export function defaultRunFolder(configPath: string, now = new Date(), root = 'runs'): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const name = join(root, `${basename(configPath, extname(configPath))}-${day}-${time}`);
  let free = name;
  for (let n = 2; existsSync(free); n++) free = `${name}-${n}`;
  return free;
}

function filesOf(dir: string) {
  return {
    config: join(dir, 'config.yaml'),
    metrics: join(dir, 'metrics.jsonl'),
    checkpoints: join(dir, 'checkpoints'),
    lock: join(dir, 'lock'),
  };
}

function withLock(dir: string, use: (lock: Lock) => RunFolder): RunFolder {
  const lock = acquireLock(filesOf(dir).lock, `The run folder ${dir}`);
  try {
    const { config, metrics } = filesOf(dir);
    removeLeftovers(dir, (name) => name === basename(config) || name === basename(metrics));
    return use(lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
