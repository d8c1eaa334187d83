/** What `recap train` says when it cannot start or go on: one line, exit code 2, and nothing made or changed. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';
import { resumeRun, startRun } from '../../../src/training/run/train.js';
import { recap } from '../../support/command.js';
import { smallConfig, temporaryFolder, trainUntil, watched, writeData } from '../runs.js';

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

describe('the command line of train', () => {
  it.each([
    [['train'], 'train needs either --config FILE for a new run or --resume FOLDER to go on with one.'],
    [
      ['train', '--config', 'config/shapes.yaml', '--resume', 'x'],
      'train needs either --config FILE for a new run or --resume FOLDER to go on with one.',
    ],
    [
      ['train', '--resume', 'x', '--run', 'y'],
      '--run names the folder of a new run; --resume already names its folder.',
    ],
    [
      ['train', '--config', 'config/shapes.yaml', '--resume', 'auto'],
      '--resume auto needs --config FILE and --run FOLDER: it starts the run there, or goes on with it.',
    ],
    [
      ['train', '--run', 'x', '--resume', 'auto'],
      '--resume auto needs --config FILE and --run FOLDER: it starts the run there, or goes on with it.',
    ],
    [['train', '--resume', '/nowhere'], 'There is no run folder /nowhere to resume.'],
    [['train', '--resume', 'src'], 'src is not a run: it has no config.yaml.'],
    [
      ['train', '--config', 'config/shapes.yaml', '--run', 'package.json'],
      'package.json is a file and cannot be the folder of a run. Name another folder.',
    ],
    [
      ['train', '--config', 'config/shapes.yaml', '--run', 'package.json/a/b'],
      'package.json is a file and cannot hold the folder of a run. Name another folder.',
    ],
  ])('%j', (words, message) => {
    const { status, stderr } = recap(words);
    expect(status).toBe(2);
    expect(stderr).toContain(`recap: ${message}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('a new run', () => {
  const refused = async (message: string | RegExp, sets: readonly string[], name: string) => {
    const dir = join(folder, name);
    const started = startRun(smallConfig(data, sets), dir, watched().options);
    await expect(started).rejects.toThrow(UserError);
    await expect(started).rejects.toThrow(message);
    expect(existsSync(dir)).toBe(false);
  };

  it('of a model beyond the memory that one run can address is refused with what to do', async () => {
    const sets = ['model={wordDim: 8192, hiddenDim: 8192}', 'train.shards=3'];
    await refused(/GiB of shared memory, more than the 4 GiB that one run can address\. Use a smaller/, sets, 'huge');
  });

  it('is planned for the captions that there can be, however large a minibatch is asked for', async () => {
    const sets = ['model={wordDim: 256, hiddenDim: 512}', 'train.batchSize=65536', 'train.shards=auto'];
    const trainer = await createTrainer(smallConfig(data, sets));
    await trainer.coordinator.close();
    expect(trainer.coordinator.options.batchSize).toBe(20);
    expect(trainer.coordinator.memory.memory.buffer.byteLength).toBeLessThan(2 ** 28);
  });

  it('whose first parameters do not fit its model is refused before it has a folder', async () => {
    const other = join(folder, 'other');
    await trainUntil({ afterStep: 1 }, other, { config: smallConfig(data, ['model.hiddenDim=8']) });
    const init = join(other, 'checkpoints', 'step-1.safetensors');
    await refused(
      `${init} holds W_proj with shape [32, 8], this model needs [32, 24].`,
      [`model.init=${init}`],
      'init',
    );
    await refused('/nowhere.safetensors', ['model.init=/nowhere.safetensors'], 'no-init');
  });

  it('does not touch a folder with a run, and is told how to go on with it', async () => {
    const dir = join(folder, 'used');
    await trainUntil({ afterStep: 1 }, dir, { config: smallConfig(data) });
    const before = readdirSync(dir);
    const again = startRun(smallConfig(data), dir, watched().options);
    await expect(again).rejects.toThrow(
      `${dir} already holds a run. Go on with it by \`npx recap train --resume ${dir}\``,
    );
    expect(readdirSync(dir)).toEqual(before);
  });
});

describe('a run that goes on', () => {
  it('without one whole checkpoint is refused, each file named', async () => {
    const dir = join(folder, 'damaged');
    await trainUntil({ afterStep: 2 }, dir, { config: smallConfig(data) });
    const checkpoints = join(dir, 'checkpoints');
    for (const name of readdirSync(checkpoints)) writeFileSync(join(checkpoints, name), 'torn');
    const { options, warnings } = watched();
    await expect(resumeRun(dir, [], options)).rejects.toThrow(
      `None of the 2 checkpoints in ${checkpoints} is whole, so the run cannot go on.`,
    );
    expect(warnings).toEqual([expect.stringContaining('step-2.safetensors'), expect.stringContaining('step-0')]);
    expect(existsSync(join(dir, 'lock'))).toBe(false);
  });

  it('with a config that was edited into nonsense names file and line', async () => {
    const dir = join(folder, 'edited');
    mkdirSync(dir);
    const id = '01234567-89ab-cdef-0123-456789abcdef';
    writeFileSync(join(dir, 'config.yaml'), `# recap run ${id}\ndata: { builtin: shapes }\ntrain: { epochs: many }\n`);
    await expect(resumeRun(dir, [], watched().options)).rejects.toThrow(/config\.yaml:\d+: train\.epochs is "many"/);
  });

  it('and is complete says so, and how to train longer', async () => {
    const dir = join(folder, 'complete');
    await trainUntil(null, dir, { config: smallConfig(data, ['train.epochs=1']) });
    const { status, stdout, stderr } = recap(['train', '--resume', dir]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`The run in ${dir} is complete: all 4 steps are done. Train longer with`);
    expect(stdout).toContain(`recap train --resume ${dir} --set train.epochs=N`);
  });
});
