/** A disk that fails while a run goes on: full, read-only, or gone with the run's folder. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { checkpointSteps } from '../../src/training/checkpoints/checkpoint-folder.js';
import { resumeRun, startRun } from '../../src/training/run/train.js';
import { resultOf, smallConfig, temporaryFolder, watched, writeData } from '../training/runs.js';
import { loggedSteps, newRun, Train } from './processes.js';

let data: string;
let folder: string;
let undisturbed: ReturnType<typeof resultOf>;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  const dir = join(folder, 'undisturbed');
  await startRun(config(), dir, watched().options);
  undisturbed = resultOf(dir);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

function config(...sets: string[]) {
  return smallConfig(data, ['train.epochs=6', 'checkpoint.everySteps=4', 'validate.everyEpochs=3', ...sets]);
}

const failure = /^The (checkpoint|best checkpoint so far,) of step \d+,? could not be written/;

/** Breaks the disk after step 3, and mends it as soon as that has cost a checkpoint. */
async function trainWithDisk(dir: string, breaks: () => void, mends: (() => void) | null) {
  const failed: string[] = [];
  let isMended = false;
  const { options, warnings } = watched({
    step: ({ step }) => {
      if (step === 3) breaks();
    },
    warning: (message) => {
      const [which] = failure.exec(message) ?? [];
      if (which === undefined) return;
      failed.push(which);
      if (!isMended) mends?.();
      isMended = true;
    },
  });
  const outcome = await startRun(config(), dir, options);
  return { outcome, warnings, failed };
}

/** Environment of a process that loses the folder of its run. */
const losing = (dir: string) => ({
  NODE_OPTIONS: `--import=${new URL('../fixtures/lose-folder.mjs', import.meta.url)}`,
  RECAP_TEST_LOSE: dir,
});

describe('a run folder that is gone for a while', () => {
  it('costs checkpoints, with one warning each, and no step and no line of the log', async () => {
    const dir = join(folder, 'gone');
    const { outcome, warnings, failed } = await trainWithDisk(
      dir,
      () => renameSync(dir, `${dir}-away`),
      () => renameSync(`${dir}-away`, dir),
    );
    expect(outcome).toMatchObject({ saved: true, step: 24 });
    expect(failed.length).toBeGreaterThan(0);
    expect(new Set(failed).size).toBe(failed.length);
    for (const message of warnings) {
      expect(message).toMatch(
        /^(The checkpoint of step \d+ could not be written \(ENOENT.*\)\. Earlier ones are untouched|The best checkpoint so far, of step \d+, could not be written \(ENOENT.*\)\. It is kept in memory|.*metrics\.jsonl (cannot be written, its lines wait in memory|can be written again))/,
      );
    }
    expect(resultOf(dir)).toEqual(undisturbed);
  });

  it('and does not come back is told at the end, and is exit code 1', async () => {
    const dir = join(folder, 'lost');
    const { outcome, warnings } = await trainWithDisk(dir, () => rmSync(dir, { recursive: true }), null);
    expect(outcome).toMatchObject({ saved: false, step: 24 });
    expect(warnings.some((message) => message.startsWith('The checkpoint of step 24 could not be written'))).toBe(true);

    const other = join(folder, 'lost-too');
    const words = newRun(smallConfig(data, ['train.epochs=20']), other);
    const { status, stdout, stderr } = await new Train(words, losing(other)).ended;
    expect(status).toBe(1);
    expect(stderr).toContain(`The newest checkpoint could not be written; no checkpoint is in ${other}.`);
    expect(stdout, 'nothing is named that is not there').not.toContain('recap caption');
  });

  it('costs a sweep the checkpoints of one run, which is told, and is exit code 1', async () => {
    const file = join(folder, 'swept.yaml');
    writeFileSync(file, configToYaml(smallConfig(data)));
    const out = join(folder, 'sweep');
    const lost = join(out, 'train.epochs-20-seed-231');
    const words = ['--config', file, '--grid', 'train.epochs=20,1', '--out', out, '--json'];
    const { status, stdout, stderr } = await new Train(words, losing(lost), 'sweep').ended;
    expect(status).toBe(1);
    expect(stderr).toContain(`${lost}: The newest checkpoint could not be written; no checkpoint is in ${lost}.`);
    const end = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect(end).toMatchObject({
      outcome: 'failed',
      runs: [
        { step: 80, saved: false, bestSaved: false, failure: null },
        { step: 4, saved: true, bestSaved: true, failure: null },
      ],
    });
  });
});

/** On Linux every write to it fails as on a full disk. */
const fullFile = '/dev/full';

describe.skipIf(!existsSync(fullFile))('standard output on a full disk', () => {
  it('is told once, and the run goes on to the same bits', () => {
    const dir = join(folder, 'unwritten');
    const words = newRun(config(), dir);
    const output = openSync(fullFile, 'w');
    const { status, stderr } = spawnSync(process.execPath, ['dist/src/cli/main.js', 'train', ...words], {
      stdio: ['ignore', output, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(output);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(
        /^warning: standard output cannot be written \(ENOSPC: .*\); the command goes on without it\n$/,
      ),
    });
    expect(resultOf(dir)).toEqual(undisturbed);
  });
});

/** Disks of their own can be made by the super-user alone, and not in every container. */
function mount(dir: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { stdio: 'ignore' }).status === 0;
}

const probe = mkdtempSync(join(tmpdir(), 'recap-disk-'));
const canMount = mount(probe, 'size=1m') && spawnSync('umount', [probe]).status === 0;
rmSync(probe, { recursive: true });

describe.skipIf(!canMount)(`a disk of its own${canMount ? '' : ' (skipped: no tmpfs can be mounted here)'}`, () => {
  let disk: string;
  beforeAll(() => {
    disk = mkdtempSync(join(tmpdir(), 'recap-disk-'));
    expect(mount(disk, 'size=4m')).toBe(true);
  });
  afterAll(() => {
    spawnSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });
  /** While a file is open for writing, such as a checkpoint, a disk cannot be made read-only. */
  const remount = (options: string): void => {
    const once = () => spawnSync('mount', ['-o', `remount,${options}`, disk]).status;
    let tries = 1;
    while (once() !== 0) expect(tries++, `remount,${options}`).toBeLessThan(2000);
  };

  /** The config file itself lies elsewhere. */
  const newRunOnDisk = (runConfig: Config, dir: string): string[] => {
    const words = newRun(runConfig, join(folder, basename(dir)));
    return [...words.slice(0, -1), dir];
  };

  const filler = () => join(disk, 'filler');
  const fill = (): void => {
    try {
      writeFileSync(filler(), Buffer.alloc(8 << 20));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    }
  };

  it.each([
    ['full', 'ENOSPC', fill, () => rmSync(filler())],
    ['read-only', 'EROFS', () => remount('ro'), () => remount('rw')],
  ] as const)('that is %s for a while costs checkpoints only', async (name, code, breaks, mends) => {
    const dir = join(disk, name);
    mkdirSync(dir);
    const { outcome, warnings, failed } = await trainWithDisk(dir, breaks, mends);
    expect(outcome).toMatchObject({ saved: true, step: 24 });
    expect(failed.length).toBeGreaterThan(0);
    expect(warnings.some((message) => message.includes(code))).toBe(true);
    expect(resultOf(dir)).toEqual(undisturbed);
    rmSync(dir, { recursive: true });
  });

  it('that is read-only at the end hides neither the outcome nor the exit code', async () => {
    const dir = join(disk, 'read-only-at-the-end');
    // Endless, so that it is still running whenever the disk fails.
    const train = new Train(newRunOnDisk(smallConfig(data, ['train.epochs=100000', 'validate.everyEpochs=0']), dir));
    await train.until(() => loggedSteps(dir) > 0);
    remount('ro');
    train.kill('SIGTERM');
    const { status, stdout, stderr } = await train.ended;
    remount('rw');
    expect(status).toBe(128 + constants.signals.SIGTERM);
    expect(stderr).toContain(`The newest checkpoint could not be written; what ${dir} holds is older.`);
    expect(stderr).not.toContain('lock');
    expect(stdout).toMatch(/^Stopped after step \d+ of 400000\. Go on with$/m);
    rmSync(dir, { recursive: true });
  });

  it('that is full at the start is told, and no folder of a run is left', async () => {
    const dir = join(disk, 'new', 'full-at-the-start');
    fill();
    const { status, stderr } = await new Train(newRunOnDisk(config(), dir)).ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^recap: The lock .* cannot be written: ENOSPC.*\n$/);
    expect(readdirSync(disk)).toEqual(['filler']);
    rmSync(filler());
  });

  it('that is full at the end leaves the earlier checkpoints, from which the run goes on to the bit', async () => {
    const dir = join(disk, 'full-at-the-end');
    mkdirSync(dir);
    const { outcome } = await trainWithDisk(dir, fill, null);
    expect(outcome.saved).toBe(false);
    const last = checkpointSteps(join(dir, 'checkpoints')).at(-1)!;
    expect(last).toBeLessThan(24);
    rmSync(filler());
    await resumeRun(dir, [], watched().options);
    expect(resultOf(dir)).toEqual(undisturbed);
  });
});
