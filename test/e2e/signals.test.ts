/** What a run does when it is told to stop, and when a second process wants its folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/load.js';
import { checkpointSteps } from '../../src/training/checkpoints/checkpoint-folder.js';
import { resumeRun, startRun } from '../../src/training/run/train.js';
import { png } from '../features/photos.js';
import { describeWith } from '../support/requirements.js';
import {
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  type Watched,
  watched,
  writeData,
} from '../training/runs.js';
import { loggedSteps, newRun, Train } from './processes.js';

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData({ captions: 60 });
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** Steps of seconds, without end: plain TypeScript on a model that is too large for it. */
const slow = [
  'engine=reference',
  'model={cell: lstm, wordDim: 256, hiddenDim: 700}',
  'train.batchSize=60',
  'train.epochs=100000',
];
const locksIn = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('lock'));
const hasBegun = (train: Train) => train.stdout.includes('\nrun ');

describe('SIGINT, SIGTERM and SIGHUP', () => {
  it('finish the step, write a checkpoint and give the exit code by convention; the run goes on to the bit', async () => {
    // Endless, so that it is still running whenever the signal comes; its end is set once it has been stopped.
    // Without validations, whose notices come sooner or later.
    const endless = ['train.epochs=100000', 'checkpoint.everySteps=1000000', 'validate.everyEpochs=0'];
    const dir = join(folder, 'signalled');
    let words = newRun(smallConfig(data, endless), dir);
    let last = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const train = new Train(words);
      await train.until(() => loggedSteps(dir) > last);
      train.kill(signal);
      const { status, stdout, stderr } = await train.ended;
      expect(status).toBe(128 + constants.signals[signal]);
      expect(stderr).toBe(`${signal}: finishing this step and writing a checkpoint. Again to stop at once.\n`);
      expect(stdout).toContain(`recap train --resume ${dir}\n`);
      last = readMetrics(dir).findLast(({ type }) => type === 'step')!.step;
      expect(newestCheckpoint(dir).state.step).toBe(last);
      words = ['--resume', dir];
    }
    const end = `train.epochs=${Math.ceil(last / 10) + 1}`;
    expect(await new Train(['--resume', dir, '--set', end]).ended).toMatchObject({ status: 0, stderr: '' });
    const whole = join(folder, 'whole');
    await startRun(smallConfig(data, [...endless, end]), whole, watched().options);
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('stop at once the second time, in the middle of a long step, and nothing is half-written', async () => {
    const dir = join(folder, 'second');
    const train = new Train(newRun(smallConfig(data, slow), dir));
    expect(await train.until(hasBegun)).toBe(true);
    train.kill('SIGINT');
    await train.until(({ stderr }) => stderr.includes('Again to stop at once'));
    // One that comes sooner is taken for the same signal.
    await setTimeout(600);
    train.kill('SIGTERM');
    expect((await train.ended).status).toBe(128 + constants.signals.SIGTERM);
    expect(loggedSteps(dir)).toBe(0);
    expect(locksIn(dir)).toEqual([]);
  });

  it('count once when they come twice at the same moment, as `timeout` sends them', async () => {
    const dir = join(folder, 'twice');
    const sets = ['train.epochs=100000', 'checkpoint.everySteps=1000000', 'validate.everyEpochs=0'];
    const train = new Train(newRun(smallConfig(data, sets), dir));
    await train.until(() => loggedSteps(dir) > 0);
    // A process that is stopped finds all its signals at once when it goes on.
    for (const signal of ['SIGSTOP', 'SIGTERM', 'SIGINT', 'SIGCONT'] as const) train.kill(signal);
    const { status, stderr } = await train.ended;
    const [, signal] = /^(SIGTERM|SIGINT): finishing this step and writing a checkpoint.*\n$/.exec(stderr)!;
    expect(status).toBe(128 + constants.signals[signal as NodeJS.Signals]);
    expect(newestCheckpoint(dir).state.step).toBe(readMetrics(dir).findLast(({ type }) => type === 'step')!.step);
  });

  it('cut a validation short between two of its minibatches, which is done when the run goes on', async () => {
    const config = smallConfig(data, ['train.epochs=2', 'checkpoint.everySteps=1000']);
    const dir = join(folder, 'validation');
    // The end of the epoch is reported before its validation, whose first minibatch is under way a turn later.
    const watch: Watched = watched({ epochEnded: () => void setImmediate(watch.stop) });
    expect(await startRun(config, dir, watch.options)).toMatchObject({ stopped: true, step: 10 });
    expect(readMetrics(dir).filter(({ type }) => type !== 'step')).toEqual([]);
    await resumeRun(dir, [], watched().options);
    const whole = join(folder, 'whole-validation');
    await startRun(config, whole, watched().options);
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('stop a run at once that is still making or loading its data, and leave nothing behind', async () => {
    const cache = temporaryFolder();
    const dir = join(folder, 'start');
    const sets = ['data={builtin: shapes}', 'engine=reference'];
    const words = newRun(smallConfig(data, sets), dir);
    const train = new Train([...words, '--json'], { RECAP_CACHE_DIR: cache });
    expect(await train.until(() => existsSync(cache) && readdirSync(cache).length > 0)).toBe(true);
    train.kill('SIGINT');
    const { status, stdout, stderr } = await train.ended;
    const message = 'SIGINT: stopped before training began.';
    expect({ status, stderr }).toEqual({ status: 130, stderr: `${message}\n` });
    expect(JSON.parse(stdout)).toEqual({ type: 'end', outcome: 'stopped', message });
    expect(existsSync(dir)).toBe(false);
    // What the interrupted making left does not stop the next run.
    const again = new Train([...words, '--set', 'data.trainLimit=6', '--set', 'validate.everyEpochs=0'], {
      RECAP_CACHE_DIR: cache,
    });
    expect(await again.ended).toMatchObject({ status: 0, stderr: '' });
    rmSync(cache, { recursive: true });
  });
});

/** Runs its arguments on a terminal of their own, copies what they print, and presses Ctrl-C or takes the terminal away. */
const onTerminal = `
import os, pty, sys, threading
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
def obey():
    if sys.stdin.readline() == 'Ctrl-C\\n': os.write(fd, b'\\3')
    else: os.close(fd)
threading.Thread(target=obey, daemon=True).start()
try:
    while True: os.write(1, os.read(fd, 4096))
except OSError: pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

describe('a run that nobody watches any more', () => {
  it('goes on to its end when the readers of its output are gone', async () => {
    const dir = join(folder, 'unread');
    const train = new Train(newRun(smallConfig(data, ['train.epochs=60']), dir));
    expect(await train.until(hasBegun)).toBe(true);
    train.closeOutput();
    expect((await train.ended).status).toBe(0);
    expect(newestCheckpoint(dir).state.step).toBe(600);
  });

  describeWith({ command: 'python3' }, 'on a terminal', () => {
    it('writes its checkpoint when the terminal goes away', async () => {
      const dir = join(folder, 'terminal');
      const words = newRun(smallConfig(data, ['train.epochs=100000', 'checkpoint.everySteps=1000000']), dir);
      const command = ['python3', '-c', onTerminal, process.execPath, 'dist/src/cli/main.js', 'train', ...words];
      const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'ignore', 'inherit'] });
      const ended = once(child, 'close');
      while (loggedSteps(dir) === 0) await setTimeout(20);
      child.stdin.end('\n');
      // How the process ends is not looked at: Node 20 aborts at its end when its terminal is gone.
      await ended;
      expect(newestCheckpoint(dir).state.step).toBe(readMetrics(dir).findLast(({ type }) => type === 'step')!.step);
    });

    it('goes on when it was started by nohup', async () => {
      const dir = join(folder, 'nohup');
      const words = newRun(smallConfig(data, ['train.epochs=100', 'checkpoint.everySteps=20']), dir);
      // Where the output is a terminal, nohup would write it to a file in the working directory.
      const command = ['sh', '-c', 'exec nohup "$@" >"$0" 2>&1', `${dir}.out`, process.execPath];
      command.push('dist/src/cli/main.js', 'train', ...words);
      const child = spawn('python3', ['-c', onTerminal, ...command], { stdio: ['pipe', 'ignore', 'inherit'] });
      const ended = once(child, 'close');
      while (!checkpointSteps(join(dir, 'checkpoints')).some((step) => step > 0)) await setTimeout(5);
      child.stdin.end('\n');
      expect(await ended).toEqual([0, null]);
      expect(newestCheckpoint(dir).state.step).toBe(1000);
    });
  });
});

describeWith({ command: 'python3' }, 'Ctrl-C on a terminal', () => {
  let photo: Buffer;
  beforeAll(async () => {
    photo = await png(8, 8);
  });
  const small = () => {
    const file = join(folder, 'small.yaml');
    writeFileSync(file, configToYaml(smallConfig(data)));
    return ['--config', file];
  };
  it.each([
    ['gradcheck', 'elements', () => [...small(), '--captions', '60', '--elements', '100000']],
    ['bench', 'steps', () => [...small(), '--workers', '1', '--steps', '1000000']],
    ['features', 'images', () => ['--data', manyPhotos(), '--builtin']],
  ])('ends the live line of recap %s', async (command, unit, words) => {
    const child = spawn('python3', ['-c', onTerminal, process.execPath, 'dist/src/cli/main.js', command, ...words()], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TERM: 'xterm', CI: '', NO_COLOR: '' },
    });
    const ended = once(child, 'close');
    let shown = '';
    for await (const chunk of child.stdout) {
      if (!shown.includes(unit) && `${shown}${chunk}`.includes(unit)) child.stdin.end('Ctrl-C\n');
      shown += chunk;
    }
    expect(await ended).toEqual([130, null]);
    // A live line is drawn without wrapping. Behind the last one: what erases it, and the cursor.
    const [drawn, erased] = ['\u001b[?7l', '\r\u001b[J\u001b[?25h'].map((code) => shown.lastIndexOf(code));
    expect(drawn).toBeGreaterThan(0);
    expect(erased).toBeGreaterThan(drawn!);
    if (command === 'features') expect(shown).toMatch(/SIGINT: stopped after \d+ of 30000 images[^\r]*\r\n$/);
  });

  /** A folder whose features take minutes. */
  function manyPhotos(): string {
    const dir = mkdtempSync(join(folder, 'photos-'));
    writeFileSync(join(dir, 'a.png'), photo);
    writeFileSync(join(dir, 'train2014_images.txt'), 'a.png\n'.repeat(30_000));
    return dir;
  }
});

describe('the folder of a live run', () => {
  it('is refused to a second process with exit code 2, and free at once after kill -9', async () => {
    const dir = join(folder, 'locked');
    const words = newRun(smallConfig(data, slow), dir);
    const first = new Train(words);
    expect(await first.until(hasBegun)).toBe(true);
    for (const others of [['--resume', dir], words]) {
      const { status, stderr } = await new Train(others).ended;
      expect(status).toBe(2);
      expect(stderr).toMatch(/^recap: .* (in use by process \d+|already holds a run)\..*\n$/);
    }
    first.kill('SIGKILL');
    await first.ended;
    expect(locksIn(dir)).toHaveLength(1);
    const next = new Train(['--resume', dir]);
    expect(await next.until(hasBegun)).toBe(true);
    next.kill('SIGKILL');
    expect((await next.ended).stderr).toBe('');
  });
});
