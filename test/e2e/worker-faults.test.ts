/** Workers that throw, exit, run out of memory or hang: the run goes on, and computes the same to the bit. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { TrainingError } from '../../src/errors.js';
import { checkpointSteps } from '../../src/training/checkpoints/checkpoint-folder.js';
import { resumeRun, startRun } from '../../src/training/run/train.js';
import {
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  watched,
  writeData,
} from '../training/runs.js';

const workerFile = fileURLToPath(new URL('../fixtures/failing-worker.mjs', import.meta.url));
const trainScript = fileURLToPath(new URL('../fixtures/train.mjs', import.meta.url));

interface Fault {
  readonly task: 'start' | 'engine' | 'gradients' | 'loss' | 'captions' | 'update';
  readonly at: number;
  readonly how: 'throw' | 'exit' | 'memory' | 'hang';
  readonly always?: boolean;
  readonly chunk?: number;
  readonly when?: 'saved' | 'half' | 'written' | 'done';
}

let data: string;
let folder: string;
let config: Config;
let undisturbed: ReturnType<typeof resultOf>;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  config = smallConfig(data, ['train.epochs=2']);
  const dir = join(folder, 'undisturbed');
  await startRun(config, dir, watched().options);
  undisturbed = resultOf(dir);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const newFolder = () => mkdtempSync(join(folder, 'run-'));

function setFaults(faults: readonly Fault[]): void {
  process.env.RECAP_TEST_FAULTS = JSON.stringify({ folder: mkdtempSync(join(folder, 'count-')), faults });
}

/** Trains with these faults and returns what was warned of. */
async function trainWith(faults: readonly Fault[], dir = newFolder(), sets: readonly string[] = []) {
  setFaults(faults);
  const { options, warnings } = watched({}, { workerFile });
  await startRun(smallConfig(data, ['train.epochs=2', ...sets]), dir, options);
  return { dir, warnings, logged: readMetrics(dir).filter(({ type }) => type === 'fault') };
}

describe('a worker that fails once', () => {
  it.each([
    ['gradients', 'throw', 'thrown on purpose'],
    ['gradients', 'exit', 'worker exited with code: 1'],
    ['loss', 'throw', 'thrown on purpose'],
    ['loss', 'exit', 'worker exited with code: 1'],
    ['captions', 'throw', 'thrown on purpose'],
    ['captions', 'exit', 'worker exited with code: 1'],
  ] as const)('at a task of %s (%s): the bits stay the same, and it is told and logged', async (task, how, why) => {
    const { dir, warnings, logged } = await trainWith([{ task, at: 2, how }]);
    expect(resultOf(dir)).toEqual(undisturbed);
    const fault = `a worker failed (${task}): ${why}; the task runs again on a fresh worker`;
    expect(warnings).toEqual([fault]);
    // The first step, or the step after the first validation.
    expect(logged).toEqual([{ type: 'fault', step: task === 'gradients' ? 1 : 5, fault }]);
  });

  it('out of memory, in gradients and in the midst of an update', () => {
    for (const fault of [
      { task: 'gradients', at: 4, how: 'memory' },
      { task: 'update', at: 3, how: 'memory', chunk: 0, when: 'half' },
    ] as const) {
      setFaults([fault]);
      const dir = newFolder();
      const job = { dir, config: configToYaml(config), workerFile };
      const { stdout } = spawnSync(process.execPath, ['--max-old-space-size=40', trainScript, JSON.stringify(job)], {
        encoding: 'utf8',
      });
      const { error, warnings } = JSON.parse(stdout);
      expect(error).toBeNull();
      expect(warnings).toEqual([
        expect.stringMatching(/^a worker failed \(\w+\): Worker terminated due to reaching memory limit/),
      ]);
      expect(resultOf(dir)).toEqual(undisturbed);
    }
  }, 300_000);

  it('at every task of every second step', async () => {
    const faults = [3, 9, 15, 21].map((at): Fault => ({ task: 'gradients', at, how: at % 2 === 1 ? 'exit' : 'throw' }));
    const { dir, logged } = await trainWith(faults);
    expect(resultOf(dir)).toEqual(undisturbed);
    expect(logged).toHaveLength(4);
  });
});

describe('an update that breaks off', () => {
  const whens = ['saved', 'half', 'written', 'done'] as const;

  it.each(whens)('with a chunk %s is finished by another worker to the bit', async (when) => {
    // Both ranges of two updates, in either chunk, so that moments that were restored are used again.
    const faults = [3, 4, 9, 10].map((at, i): Fault => ({ task: 'update', at, how: 'exit', chunk: i % 2, when }));
    const { dir, warnings } = await trainWith(faults);
    expect(warnings).toEqual(faults.map(() => expect.stringContaining('a worker failed (update): worker exited')));
    expect(resultOf(dir)).toEqual(undisturbed);
  });

  it('in micro-steps accumulates and averages the same to the bit', async () => {
    const sets = ['train.accumulate=3', 'train.batchSize=2', 'train.ema=0.9', 'train.clip={norm: 3}'];
    const dir = newFolder();
    await startRun(smallConfig(data, ['train.epochs=2', ...sets]), dir, watched().options);
    for (const when of whens) {
      // A step has two accumulations and an update, of two ranges each: the first accumulation, the second, and the update.
      const faults = [1, 4, 7, 12, 16].map((at): Fault => ({ task: 'update', at, how: 'exit', chunk: 1, when }));
      const broken = await trainWith(faults, newFolder(), sets);
      expect(broken.logged, when).toHaveLength(faults.length);
      expect(resultOf(broken.dir), when).toEqual(resultOf(dir));
    }
  });

  it('twice at the same chunk, in float64, by errors', async () => {
    const dir = newFolder();
    await startRun(smallConfig(data, ['train.epochs=2', 'engine=reference']), dir, watched().options);
    const faults = [3, 5].map((at): Fault => ({ task: 'update', at, how: 'throw', chunk: 1, when: 'half' }));
    const broken = await trainWith(faults, newFolder(), ['engine=reference']);
    expect(broken.logged).toHaveLength(2);
    expect(resultOf(broken.dir)).toEqual(resultOf(dir));
  });
});

describe('a worker that hangs', () => {
  it.each([
    ['gradients', { task: 'gradients', at: 2, how: 'hang' }],
    ['an update', { task: 'update', at: 5, how: 'hang', chunk: 0, when: 'half' }],
  ] as const)('in %s is given up after train.taskSeconds, and the bits stay the same', async (_where, fault) => {
    const { dir, warnings } = await trainWith([fault], newFolder(), ['train.taskSeconds=5']);
    expect(warnings).toContain(
      `a worker failed (${fault.task}): no answer within 5 s; the task runs again on a fresh worker`,
    );
    // On a busy machine a task may be late that does not hang.
    for (const each of warnings) expect(each).toContain('no answer within 5 s');
    expect(resultOf(dir)).toEqual(undisturbed);
  });
});

describe('a worker that fails again and again', () => {
  it('stops the run with the state of the last good step on the disk, from which it goes on to the bit', async () => {
    const dir = newFolder();
    const failing = trainWith([{ task: 'gradients', at: 10, how: 'exit', always: true }], dir);
    await expect(failing).rejects.toThrow(TrainingError);
    await expect(failing).rejects.toThrow(
      'A worker failed 3 times at the same task (gradients): worker exited with code: 1',
    );
    expect(newestCheckpoint(dir).state.step).toBe(3);
    const { options } = watched();
    await resumeRun(dir, [], options);
    expect(resultOf(dir)).toEqual(undisturbed);
  });

  it('in an update leaves the checkpoint before it, never the half-updated state', async () => {
    const dir = newFolder();
    const faults: Fault[] = [{ task: 'update', at: 5, how: 'exit', always: true, chunk: 0, when: 'half' }];
    await expect(trainWith(faults, dir)).rejects.toThrow('A worker failed 3 times at the same task (update)');
    expect(checkpointSteps(join(dir, 'checkpoints'))).toEqual([0]);
    await resumeRun(dir, [], watched().options);
    expect(resultOf(dir)).toEqual(undisturbed);
  });

  it.each(['loss', 'captions'] as const)(
    'in a validation (%s) leaves all of that to be made up, the loss and the captions',
    async (task) => {
      const dir = newFolder();
      const failing = trainWith([{ task, at: 2, how: 'exit', always: true }], dir);
      await expect(failing).rejects.toThrow(`A worker failed 3 times at the same task (${task})`);
      await resumeRun(dir, [], watched().options);
      expect(resultOf(dir)).toEqual(undisturbed);
    },
  );

  it.each(['throw', 'exit'] as const)(
    'at its start (%s) ends the run with one message, not with a hang',
    async (how) => {
      const why = how === 'throw' ? 'thrown on purpose' : 'worker exited with code: 1';
      await expect(trainWith([{ task: 'start', at: 1, how, always: true }])).rejects.toThrow(
        `A worker failed 3 times at the same task (gradients): ${why}`,
      );
    },
  );

  it('but starts at last is no harm', async () => {
    const faults: Fault[] = [1, 2, 4].map((at) => ({ task: 'start', at, how: 'exit' }));
    const { dir } = await trainWith([...faults, { task: 'gradients', at: 5, how: 'exit' }]);
    expect(resultOf(dir)).toEqual(undisturbed);
  });
});

describe('an engine that cannot be made in the workers', () => {
  it('ends the run with the reason', async () => {
    await expect(trainWith([{ task: 'engine', at: 1, how: 'throw', always: true }])).rejects.toThrow(
      /^A worker failed 3 times at the same task \(gradients\): .*cannot open shared object file/,
    );
  });
});
