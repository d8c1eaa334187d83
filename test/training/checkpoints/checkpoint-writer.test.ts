import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parametersOf } from '../../../src/engine/shared-memory.js';
import { readCheckpoint } from '../../../src/training/checkpoints/checkpoint.js';
import { CheckpointWriter } from '../../../src/training/checkpoints/checkpoint-writer.js';
import { cutBackMetrics } from '../../../src/training/run/cut-back-metrics.js';
import { RunFolder } from '../../../src/training/run/run-folder.js';
import { arraysOf, filledMemory, recipeOf, trainingState } from './checkpoint-fixtures.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-writer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Some 3 MB a checkpoint. */
const large = recipeOf(50_000);

function writerIn(dir: string, keep = 9, runId = 'run', memory = filledMemory()): CheckpointWriter {
  const guardFile = join(dir, '..');
  return new CheckpointWriter({
    folder: dir,
    runId,
    memory,
    keep,
    syncFirst: [join(dir, 'no-metrics-yet')],
    guardFile,
  });
}

const names = (dir = folder): string[] => readdirSync(dir).sort();
const checkpoints = (...steps: number[]): string[] => steps.map((step) => `step-${step}.safetensors`).sort();

describe('saving', () => {
  it('writes the numbers of the moment it was asked, whatever training does to them meanwhile', async () => {
    const memory = filledMemory();
    const before = parametersOf(memory).slice(0, 10);
    const writer = writerIn(folder, 9, 'run', memory);
    const saved = writer.save(trainingState(1));
    for (const flat of arraysOf(memory)) flat.fill(-1);
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

  it('reports memory that is not to be had as a checkpoint that failed, and never throws', async () => {
    const memory = filledMemory();
    const writer = writerIn(folder, 9, 'run', {
      ...memory,
      layout: { ...memory.layout, length: 2 ** 50 },
    });
    for (const kind of ['step', 'best'] as const) {
      expect(await writer.save(trainingState(1), kind)).toEqual({
        written: false,
        step: 1,
        path: join(folder, kind === 'best' ? 'best.safetensors' : 'step-1.safetensors'),
        reason: expect.stringMatching(/allocation|length/i),
        superseded: false,
        kept: false,
      });
    }
    await writer.close();
    expect(names()).toEqual([]);
  });

  it('writes nothing where the lock of its run is not', async () => {
    const guardFile = join(folder, 'lock-of-this-run');
    const dir = join(folder, 'checkpoints');
    writeFileSync(guardFile, '');
    const writer = new CheckpointWriter({
      folder: dir,
      runId: 'run',
      memory: filledMemory(),
      keep: 1,
      syncFirst: [],
      guardFile,
    });
    expect(await writer.save(trainingState(1))).toMatchObject({ written: true });
    rmSync(guardFile);
    const reason = expect.stringContaining(guardFile);
    expect(await writer.save(trainingState(2))).toMatchObject({ written: false, reason });
    expect(await writer.save(trainingState(2, 1), 'best')).toMatchObject({ written: false, reason });
    expect(names(dir)).toEqual(checkpoints(1));
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

describe('the best checkpoint', () => {
  it('is never superseded by another kind, however slow the disk, and goes before what waits', async () => {
    const writer = writerIn(folder);
    const order: string[] = [];
    const save = async (step: number, kind: 'best' | 'step') => {
      const result = await writer.save(trainingState(step, 1 / step), kind);
      if (result.written) order.push(`${kind} ${step}`);
      return result;
    };
    // While the first is written, everything else waits.
    const results = [
      save(1, 'step'),
      save(2, 'step'),
      save(3, 'best'),
      save(3, 'step'),
      save(4, 'step'),
      save(5, 'step'),
    ];
    await Promise.all(results);
    expect(order).toEqual(['step 1', 'best 3', 'step 5']);
    expect(readCheckpoint(join(folder, 'best.safetensors')).state).toMatchObject({ step: 3, bestStep: 3 });
    await writer.close();
  });

  it('gives way to a better one alone', async () => {
    const writer = writerIn(folder);
    const results = [1, 2, 3].map((step) => writer.save(trainingState(step, 1 / step), step === 1 ? 'step' : 'best'));
    expect(await Promise.all(results)).toMatchObject([{ written: true }, { superseded: true }, { written: true }]);
    expect(readCheckpoint(join(folder, 'best.safetensors')).state.step).toBe(3);
    await writer.close();
  });

  /** Where a folder stands, no file can get its name. */
  const block = () => mkdirSync(join(folder, 'best.safetensors', 'in-the-way'), { recursive: true });
  const unblock = () => rmSync(join(folder, 'best.safetensors'), { recursive: true });

  it('that could not be written is tried again before the next one, with the numbers of its moment', async () => {
    const memory = filledMemory();
    const then = parametersOf(memory).slice(0, 10);
    const writer = writerIn(folder, 9, 'run', memory);
    block();
    expect(await writer.save(trainingState(4, 1), 'best')).toMatchObject({ written: false, kept: true });
    parametersOf(memory).fill(-1);
    expect(await writer.save(trainingState(5))).toMatchObject({ written: true });
    unblock();
    expect(await writer.save(trainingState(6))).toMatchObject({ written: true });
    const best = readCheckpoint(join(folder, 'best.safetensors'));
    expect(best.state.step).toBe(4);
    expect(best.parameters.get('W_proj')?.data).toEqual(then);
    await writer.close();
  });

  it('that could not be written is tried again at the end', async () => {
    const writer = writerIn(folder);
    block();
    expect(await writer.save(trainingState(4, 1), 'best')).toMatchObject({ written: false, kept: true });
    unblock();
    await writer.close();
    expect(readCheckpoint(join(folder, 'best.safetensors')).state.step).toBe(4);
  });

  it('that failed is forgotten for a better one', async () => {
    const writer = writerIn(folder);
    block();
    await writer.save(trainingState(4, 2), 'best');
    await writer.save(trainingState(8, 1), 'best');
    unblock();
    await writer.close();
    expect(readCheckpoint(join(folder, 'best.safetensors')).state.step).toBe(8);
  });
});

describe('pruning', () => {
  it('keeps the newest, over a resumption too, and the best beside them', async () => {
    const writer = writerIn(folder, 2);
    for (const [step, loss] of [
      [10, 3],
      [20, 1],
      [30, 2],
      [40, null],
    ] as const) {
      if (loss === 3 || loss === 1) await writer.save(trainingState(step, loss), 'best');
      await writer.save(trainingState(step, loss));
    }
    await writer.close();
    expect(names()).toEqual(['best.safetensors', ...checkpoints(30, 40)]);
    expect(readCheckpoint(join(folder, 'best.safetensors')).state.step).toBe(20);
    const resumed = writerIn(folder, 2);
    await resumed.save(trainingState(50));
    expect(names()).toEqual(['best.safetensors', ...checkpoints(40, 50)]);
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
      'worst.safetensors.tmp-1',
    ];
    for (const name of foreign) writeFileSync(join(folder, name), 'x');
    for (const name of ['step-3', 'best']) writeFileSync(join(folder, `${name}.safetensors.tmp-4194305`), 'torn');
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
        // Some are killed before their first checkpoint, the others after it, however long that takes.
        const sign = kill % 4 === 3 ? 'ready' : 'saved';
        for await (const line of createInterface({ input: child.stdout })) if (line === sign) break;
        await setTimeout(uniformInt(random, 0, 250));
        expect(child.exitCode, 'the child goes on until it is killed').toBeNull();
        child.kill('SIGKILL');
        await ended;

        const run = await RunFolder.open(dir);
        const checkpoint = run.newestCheckpoint((_path, why) => {
          throw new Error(why);
        });
        const step = checkpoint?.state.step ?? 0;
        expect(step).toBeGreaterThanOrEqual(lastStep);
        lastStep = step;
        const groups = checkpoint ? [checkpoint.parameters, checkpoint.states.m!, checkpoint.states.v!] : [];
        for (const [factor, group] of groups.entries()) {
          for (const { data } of group.values()) {
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
    120_000 + 20_000 * kills,
  );
});
