/** One run in several processes, which a real MPI launcher starts on this machine. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usableThreads } from '../../src/files/container-limits.js';
import type { StepRecord } from '../../src/training/run/records.js';
import { startRun } from '../../src/training/run/train.js';
import { describeWith } from '../support/requirements.js';
import {
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  watched,
  writeData,
} from '../training/runs.js';
import { isAlive, Job, launchers, loopback, nameOf, type Program } from './jobs.js';
import { loggedSteps, newRun, Train } from './processes.js';

let data: string;
let folder: string;
beforeAll(async () => {
  // Scored in more than one minibatch of images.
  data = await writeData({ valCaptions: 20 });
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** Everything that is kept beside the parameters or draws random numbers, and 4 shards. */
const everything = [
  'train.shards=4',
  'train.accumulate=2',
  'train.ema=0.9',
  'train.clip={norm: 0.5}',
  'train.optimizer={name: adamw, learningRate: 0.01}',
  'train.weightDecay=0.1',
  'train.scheduledSampling={from: 0, to: 0.5, epochs: 2}',
  'model.dropout={words: 0.3, hidden: 0.3}',
  'validate.metric=CIDEr',
];
const endless = ['train.epochs=100000', 'train.shards=4', 'checkpoint.everySteps=5', 'validate.everyEpochs=0'];

const runOf = (name: string, sets: readonly string[]): { dir: string; words: string[] } => {
  const dir = join(folder, name);
  return { dir, words: ['train', ...newRun(smallConfig(data, sets), dir)] };
};

/** The same run in one process. */
async function alone(name: string, sets: readonly string[]) {
  const dir = join(folder, name);
  await startRun(smallConfig(data, sets), dir, watched().options);
  return resultOf(dir);
}

describeWith({ command: launchers['Open MPI'] }, 'ranks of Open MPI', () => {
  it('1 process of 4 workers, 2 of 2, 4 of 1 and 3 of unequal shares compute the same bits', async () => {
    const expected = await alone('1x4', [...everything, 'train.workers=4']);
    for (const [ranks, workers, environment] of [
      [2, 2, {}],
      [4, 1, loopback],
      [3, 1, {}],
    ] as const) {
      const { dir, words } = runOf(`${ranks}x${workers}`, [...everything, `train.workers=${workers}`]);
      const { status, stderr, stdout } = await new Job('Open MPI', { ranks, words, environment }).ended;
      expect(stderr).toBe('');
      expect(status).toBe(0);
      expect(stdout).toContain(`${ranks} processes of Open MPI on 1 machine`);
      expect(/\d+ workers share \d+ threads? of /.test(stdout)).toBe(ranks * workers > usableThreads());
      expect(resultOf(dir), `${ranks} × ${workers}`).toEqual(expected);
    }
  });

  it('a run that learns from its own captions computes the same bits in two processes', async () => {
    const init = join(folder, 'true-captions');
    await alone('true-captions', ['train.shards=2']);
    const sets = [`model.init=${init}`, 'train.selfCritical={samples: 3}', 'train.shards=2', 'train.epochs=1'];
    const expected = await alone('scst-alone', sets);
    const { dir, words } = runOf('scst', [...sets, 'train.workers=1']);
    expect(await new Job('Open MPI', { ranks: 2, words }).ended).toMatchObject({ status: 0, stderr: '' });
    expect(resultOf(dir)).toEqual(expected);
  });

  it('reduction: fast says so first, and differs in the last digits alone', async () => {
    // Plain gradient descent, since Adam makes much of a small difference in its first steps.
    const sets = ['train.shards=4', 'train.reduction=fast', 'train.optimizer={name: sgd, learningRate: 0.001}'];
    await alone('ordered', sets);
    const { dir, words } = runOf('fast', [...sets, 'train.workers=2']);
    const { stdout, status } = await new Job('Open MPI', { ranks: 2, words }).ended;
    expect(status).toBe(0);
    expect(stdout.split('\nrun ')[0]).toContain('adds up its own gradients first (train.reduction: fast)');
    const [ordered, fast] = [join(folder, 'ordered'), dir].map(
      (run) => readMetrics(run).filter(({ type }) => type === 'step') as unknown as StepRecord[],
    );
    expect(fast).toHaveLength(ordered!.length);
    fast!.forEach(({ loss, gradientNorm }, i) => {
      expect(Math.abs(loss / ordered![i]!.loss - 1)).toBeLessThan(1e-6);
      expect(Math.abs(gradientNorm! / ordered![i]!.gradientNorm! - 1)).toBeLessThan(1e-5);
    });
  });

  it('SIGINT and SIGTERM to the launcher stop all ranks with a checkpoint; another number of them goes on to the bit', async () => {
    const slowCheckpoints = [...endless, 'checkpoint.everySteps=1000000'];
    const { dir, words: first } = runOf('signalled', slowCheckpoints);
    let words = first;
    let ranks = 2;
    let last = 0;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const job = new Job('Open MPI', { ranks, words });
      while (job.isRunning && loggedSteps(dir) <= last) await setTimeout(20);
      job.kill(signal);
      const { stdout, stderr, status } = await job.ended;
      expect(status, stderr).not.toBe(0);
      expect(stderr).toContain('finishing this step and writing a checkpoint, if all ranks still answer');
      expect(stdout).toContain(`recap train --resume ${dir}\n`);
      last = readMetrics(dir).findLast(({ type }) => type === 'step')!.step;
      expect(newestCheckpoint(dir).state.step).toBe(last);
      words = ['train', '--resume', dir];
      ranks = 4;
    }
    const end = `train.epochs=${Math.ceil(last / 4) + 1}`;
    expect(await new Train(['--resume', dir, '--set', end]).ended).toMatchObject({ status: 0, stderr: '' });
    expect(resultOf(dir)).toEqual(await alone('unsignalled', [...slowCheckpoints, end]));
  });

  it('a rank that is killed ends the job, and --resume auto goes on from the last checkpoint to the bit', async () => {
    const { dir, words } = runOf('killed', endless);
    const job = new Job('Open MPI', { ranks: 2, words: [...words, '--resume', 'auto'] });
    while (job.isRunning && loggedSteps(dir) < 12) await setTimeout(20);
    process.kill(job.pidOf(1), 'SIGKILL');
    const { status, stderr } = await job.ended;
    expect(status).not.toBe(0);
    expect(stderr + (await job.ended).stdout).toContain('exited on signal 9 (Killed)');
    const { step } = newestCheckpoint(dir).state;
    const end = ['--set', `train.epochs=${Math.ceil(step / 4) + 2}`];
    const again = await new Job('Open MPI', { ranks: 3, words: [...words, '--resume', 'auto', ...end] }).ended;
    expect(again.stderr).toBe('');
    expect(again.stdout).toContain(`going on after step ${step}`);
    expect(resultOf(dir)).toEqual(await alone('never-killed', [...endless, end[1]!]));
  });

  for (const stalled of [0, 1]) {
    it(`rank ${stalled} of 2 that stalls is named within train.rankSeconds, and the job ends`, async () => {
      const { dir, words } = runOf(`stalled-${stalled}`, [...endless, 'train.rankSeconds=5']);
      const job = new Job('Open MPI', { ranks: 2, words });
      while (job.isRunning && loggedSteps(dir) < 7) await setTimeout(20);
      const pid = job.pidOf(stalled);
      process.kill(pid, 'SIGSTOP');
      const { status, stderr } = await job.ended;
      expect(status).toBe(1);
      const who = stalled === 0 ? 'Rank 1 ends: rank 0' : `recap: ${nameOf(1, pid)}`;
      expect(stderr).toContain(`${who} has given no sign of life for 5 s (train.rankSeconds)`);
      while (isAlive(pid)) await setTimeout(20);
      expect(newestCheckpoint(dir).state.step).toBeGreaterThanOrEqual(0);
    });
  }

  it('a job that is stopped and continued as a whole goes on', async () => {
    const { dir, words } = runOf('continued', [...endless, 'train.rankSeconds=2']);
    const job = new Job('Open MPI', { ranks: 2, words });
    while (job.isRunning && loggedSteps(dir) < 7) await setTimeout(20);
    const pids = [job.pidOf(0), job.pidOf(1)];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await setTimeout(4000);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    const before = loggedSteps(dir);
    while (job.isRunning && loggedSteps(dir) < before + 7) await setTimeout(20);
    expect(job.isRunning).toBe(true);
    job.kill('SIGTERM');
    const { stderr } = await job.ended;
    expect(stderr).not.toContain('sign of life');
  });

  it('ranks with different configs or data, or too many of them, are refused by name', async () => {
    const { dir, words } = runOf('refused', ['train.shards=2']);
    const refused = async (...programs: readonly Program[]) => {
      const { status, stderr } = await new Job('Open MPI', ...programs).ended;
      expect(status).toBe(2);
      expect(existsSync(dir)).toBe(false);
      return stderr.split('\n').find((line) => line.startsWith('recap: '));
    };
    expect(await refused({ ranks: 1, words }, { ranks: 1, words: [...words, '--set', 'train.seed=5'] })).toMatch(
      /^recap: rank 1 \(process \d+ on \S+\) was started with another config than rank 0: train\.seed: 231 → 5\./,
    );
    expect(await refused({ ranks: 1, words }, { ranks: 1, words: [...words, '--set', 'train.sed=5'] })).toMatch(
      /^recap: rank 1 .*unknown key train\.sed/,
    );
    expect(await refused({ ranks: 2, words: [...words, '--set', 'train.sed=5'] })).toMatch(
      /^recap: --set train\.sed=5/,
    );
    expect(await refused({ ranks: 3, words })).toContain('train.shards is 2, fewer than the 3 ranks');
  });

  it('a rank that finds other data is refused', async () => {
    // Each rank in a folder of its own, where the same relative path leads to other data.
    const [one, other] = [await writeData(), await writeData({ seed: 6 })];
    const { dir, words } = runOf('other-data', ['train.shards=2', 'data.dir=data']);
    const programs = [one, other].map((each): Program => ({ ranks: 1, words, folder: join(each, '..') }));
    const { status, stderr } = await new Job('Open MPI', ...programs).ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/rank 1 \(.*\) found other data in data than rank 0 \(.*\): checksum \w+, expected \w+\./);
    expect(existsSync(dir)).toBe(false);
  });

  it('other commands are refused, which each rank would do anew', async () => {
    const { status, stderr } = await new Job('Open MPI', { ranks: 2, words: ['info'] }).ended;
    expect(status).toBe(2);
    expect(stderr).toContain('each of which would do "recap info" anew');
  });
});

describeWith({ command: launchers.MPICH }, 'ranks of MPICH', () => {
  it('2 processes compute the bits of one', async () => {
    const expected = await alone('mpich-alone', everything);
    const { dir, words } = runOf('mpich', [...everything, 'train.workers=1']);
    const { stdout, stderr } = await new Job('MPICH', { ranks: 2, words }).ended;
    expect(stderr).toBe('');
    expect(stdout).toContain('2 processes of MPICH on 1 machine');
    expect(resultOf(dir)).toEqual(expected);
  });

  it('a rank that stalls is named, and the job ends', async () => {
    const { dir, words } = runOf('mpich-stalled', [...endless, 'train.rankSeconds=5']);
    const job = new Job('MPICH', { ranks: 2, words });
    while (job.isRunning && loggedSteps(dir) < 7) await setTimeout(20);
    const pid = job.pidOf(1);
    process.kill(pid, 'SIGSTOP');
    const { status, stderr } = await job.ended;
    expect(status).not.toBe(0);
    expect(stderr).toContain(`recap: ${nameOf(1, pid)} has given no sign of life for 5 s (train.rankSeconds)`);
  });
});

describe('a process that a launcher has started', () => {
  const { dir, words } = {
    dir: () => join(folder, 'launched'),
    words: () => newRun(smallConfig(data), join(folder, 'launched')),
  };

  it('says which libraries it looked for where it finds none', async () => {
    const { status, stderr } = await new Train(words(), {
      OMPI_COMM_WORLD_SIZE: '4',
      RECAP_MPI_LIBRARY: '/nowhere/libmpi.so',
    }).ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^recap: An MPI launcher started this process as one of 4 \(OMPI_COMM_WORLD_SIZE\), but no MPI library can be loaded/,
    );
    expect(existsSync(dir())).toBe(false);
  });
});

describeWith({ command: launchers['Open MPI'] }, 'a library that is not the launcher’s', () => {
  it('is noticed, because it knows of no other process', async () => {
    const run = newRun(smallConfig(data), join(folder, 'other-library'));
    const { status, stderr } = await new Train(run, { PMI_SIZE: '4', RECAP_MPI_LIBRARY: 'libmpi.so.40' }).ended;
    expect(status).toBe(1);
    expect(stderr).toContain('The launcher started 4 processes (PMI_SIZE), but libmpi.so.40 (Open MPI) knows of 1');
  });
});
