import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { flatView } from '../../src/engine/shared-memory.js';
import { cutBackMetrics } from '../../src/report/metrics-log.js';
import { readCheckpoint } from '../../src/training/checkpoint.js';
import { CheckpointWriter } from '../../src/training/checkpoint-writer.js';
import { RunFolder } from '../../src/training/run-folder.js';
import { filledMemory, model, trainingState } from './checkpoint-fixtures.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-writer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Some 3 MB a checkpoint. */
const large = { ...model, vocabSize: 50_000 };

function writerIn(dir: string, keep = 9, runId = 'run', memory = filledMemory()): CheckpointWriter {
  return new CheckpointWriter({ folder: dir, runId, memory, keep, syncFirst: [join(dir, 'no-metrics-yet')] });
}

const names = (dir = folder): string[] => readdirSync(dir).sort();
const checkpoints = (...steps: number[]): string[] => steps.map((step) => `step-${step}.safetensors`).sort();

describe('saving', () => {
  it('writes the numbers of the moment it was asked, whatever training does to them meanwhile', async () => {
    const memory = filledMemory();
    const before = flatView(memory, memory.parameters).slice(0, 10);
    const writer = writerIn(folder, 9, 'run', memory);
    const saved = writer.save(trainingState(1));
    for (const offset of [memory.parameters, memory.m, memory.v]) flatView(memory, offset).fill(-1);
    const result = await saved;
    expect(result).toMatchObject({ written: true, step: 1, path: join(folder, 'step-1.safetensors') });
    expect(readCheckpoint(result.path).parameters.get('W_proj')?.data).toEqual(before);
    await writer.close();
  });

  it('lets a newer checkpoint take the place of one that waits, and flushes the rest', async () => {
    const writer = writerIn(folder);
    const results = [1, 2, 3].map((step) => writer.save(trainingState(step)));
    await writer.flush();
    expect(names()).toEqual(checkpoints(1, 3));
    expect(await Promise.all(results)).toMatchObject([
      { written: true },
      { written: false, superseded: true, reason: 'the disk was still busy when the checkpoint of step 3 was due' },
      { written: true },
    ]);
    await writer.close();
  });

  it('goes on with a fresh thread when the writing one is lost', async () => {
    const writer = writerIn(folder);
    expect(await writer.save(trainingState(1))).toMatchObject({ written: true });
    const lost = writer.save(trainingState(2));
    await (Reflect.get(writer, 'worker') as Worker).terminate();
    await lost;
    expect(await writer.save(trainingState(3))).toMatchObject({ written: true });
    expect(readCheckpoint(join(folder, 'step-3.safetensors')).state.step).toBe(3);
    await writer.close();
  });

  it('reports a folder that is gone, and writes again once it is back', async () => {
    const dir = join(folder, 'checkpoints');
    const writer = writerIn(dir);
    rmSync(dir, { recursive: true });
    expect(await writer.save(trainingState(1))).toMatchObject({
      written: false,
      superseded: false,
      reason: expect.stringContaining('ENOENT'),
    });
    mkdirSync(dir);
    expect(await writer.save(trainingState(2))).toMatchObject({ written: true });
    await writer.close();
  });
});

describe('pruning', () => {
  it('keeps the newest and the best, over a resumption too', async () => {
    const losses: [number, number | null][] = [
      [10, 3],
      [20, 1],
      [30, 2],
      [40, null],
      [50, null],
    ];
    const writer = writerIn(folder, 2);
    for (const [step, loss] of losses) await writer.save(trainingState(step, loss));
    await writer.close();
    expect(names()).toEqual(checkpoints(20, 40, 50));
    const resumed = writerIn(folder, 2);
    await resumed.save(trainingState(60, 1.5));
    expect(names()).toEqual(checkpoints(20, 50, 60));
    await resumed.save(trainingState(70, 0.5));
    expect(names()).toEqual(checkpoints(60, 70));
    await resumed.close();
  });

  it('counts a checkpoint that is written anew once', async () => {
    const writer = writerIn(folder, 2);
    for (const step of [1, 2, 2, 2]) await writer.save(trainingState(step));
    await writer.close();
    expect(names()).toEqual(checkpoints(1, 2));
  });

  it('deletes nothing but its own checkpoints and what a killed process left half-written', async () => {
    const other = writerIn(folder, 9, 'another run');
    await other.save(trainingState(1));
    await other.save(trainingState(90));
    await other.close();
    const foreign = [
      'step-2.safetensors',
      'notes.txt',
      'step-7.safetensors.bak',
      'notes.tmp-1',
      'best.safetensors.tmp-1',
    ];
    for (const name of foreign) writeFileSync(join(folder, name), 'x');
    writeFileSync(join(folder, 'step-3.safetensors.tmp-4194305'), 'torn');
    const writer = writerIn(folder, 1);
    for (const step of [4, 5, 6]) await writer.save(trainingState(step));
    await writer.close();
    expect(names()).toEqual([...foreign, ...checkpoints(1, 6, 90)].sort());
  });

  it('deletes nothing when the new checkpoint could not be written', async () => {
    const writer = writerIn(folder, 1);
    await writer.save(trainingState(1));
    mkdirSync(join(folder, 'step-2.safetensors', 'in-the-way'), { recursive: true });
    expect(await writer.save(trainingState(2))).toMatchObject({ written: false });
    expect(names()).toEqual([...checkpoints(1), 'step-2.safetensors']);
    await writer.close();
  });
});

/** Disks of their own can be made by the super-user alone, and not in every container. */
function mounted(dir: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { stdio: 'ignore' }).status === 0;
}

const probe = mkdtempSync(join(tmpdir(), 'recap-disk-'));
const canMount = mounted(probe, 'size=1m') && spawnSync('umount', [probe]).status === 0;
rmSync(probe, { recursive: true });

describe.skipIf(!canMount)(`a disk that fails${canMount ? '' : ' (skipped: no tmpfs can be mounted here)'}`, () => {
  let disk: string;
  beforeAll(() => {
    disk = mkdtempSync(join(tmpdir(), 'recap-disk-'));
    expect(mounted(disk, 'size=6m')).toBe(true);
  });
  afterAll(() => {
    spawnSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });
  const remount = (options: string): void => {
    expect(spawnSync('mount', ['-o', `remount,${options}`, disk]).status).toBe(0);
  };

  it('leaves the earlier checkpoint whole and no torn one, and takes the next one when it can', async () => {
    const memory = filledMemory('float32', large);
    const writer = writerIn(disk, 1, 'run', memory);
    const state = (step: number) => ({ ...trainingState(step), model: large });
    expect(await writer.save(state(1))).toMatchObject({ written: true });

    expect(await writer.save(state(2))).toMatchObject({ written: false, reason: expect.stringContaining('ENOSPC') });
    expect(names(disk)).toEqual(checkpoints(1));
    expect(readCheckpoint(join(disk, 'step-1.safetensors')).state.step).toBe(1);

    remount('size=20m');
    expect(await writer.save(state(3))).toMatchObject({ written: true });
    expect(names(disk)).toEqual(checkpoints(3));

    remount('ro');
    expect(await writer.save(state(4))).toMatchObject({ written: false, reason: expect.stringContaining('EROFS') });
    remount('rw');
    expect(await writer.save(state(5))).toMatchObject({ written: true });
    expect(names(disk)).toEqual(checkpoints(5));
    expect(readCheckpoint(join(disk, 'step-5.safetensors')).state.step).toBe(5);
    await writer.close();
  });
});

describe('a process that is killed', () => {
  const kills = Number(process.env.RECAP_KILLS ?? 15);

  it(
    `leaves the newest checkpoint whole and its metrics complete, ${kills} times at random moments`,
    async () => {
      const random = xoroshiro128plus(231);
      const dir = join(folder, 'run');
      const script = fileURLToPath(new URL('save-forever.mjs', import.meta.url));
      let lastStep = 0;
      for (let kill = 0; kill < kills; kill++) {
        const child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
        const ended = once(child, 'exit');
        await Promise.race([once(child.stdout, 'data'), ended]);
        await setTimeout(uniformInt(random, 0, 250));
        expect(child.exitCode, 'the child goes on until it is killed').toBeNull();
        child.kill('SIGKILL');
        await ended;

        const run = RunFolder.open(dir);
        const checkpoint = run.newestCheckpoint((_path, why) => {
          throw new Error(why);
        });
        const step = checkpoint?.state.step ?? 0;
        expect(step).toBeGreaterThanOrEqual(lastStep);
        lastStep = step;
        for (const [factor, group] of ['parameters', 'm', 'v'].entries()) {
          for (const { data } of checkpoint?.[group as 'm'].values() ?? []) {
            expect(data.every((value) => value === (factor + 1) * step)).toBe(true);
          }
        }
        cutBackMetrics(run.metricsPath, step);
        const lines = existsSync(run.metricsPath) ? readFileSync(run.metricsPath, 'utf8').split('\n').slice(0, -1) : [];
        expect(lines.map((line) => JSON.parse(line).step)).toEqual(Array.from({ length: step }, (_, i) => i + 1));
        run.unlock();
      }
      expect(lastStep).toBeGreaterThan(0);
    },
    60_000 + 5_000 * kills,
  );
});
