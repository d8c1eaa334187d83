/** The commands beside train, as programs, on a small data set. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configToYaml, resolveConfig } from '../../src/config/load.js';
import { usableThreads } from '../../src/files/container-limits.js';
import { recap } from '../support/command.js';
import { smallConfig, temporaryFolder, trainUntil, writeData } from '../training/runs.js';

let folder: string;
let data: string;
let config: string;
beforeAll(async () => {
  folder = temporaryFolder();
  data = await writeData();
  config = join(folder, 'small.yaml');
  writeFileSync(config, configToYaml(smallConfig(data, ['engine=reference'])));
});
afterAll(() => {
  for (const each of [folder, data]) rmSync(each, { recursive: true, force: true });
});

describe('recap train', () => {
  it('says where it has more workers than threads can compute at a time', () => {
    const [threads, words] = [usableThreads(), ['train', '--config', config, '--set', 'train.epochs=1']];
    const said = (workers: number) =>
      recap([...words, '--set', `train.workers=${workers}`, '--run', join(folder, `workers-${workers}`)]).stdout;
    expect(said(threads)).not.toContain('would be as fast');
    expect(said(threads + 2)).toMatch(
      new RegExp(
        `^ +${threads + 2} workers share ${threads} threads? of this machine; fewer train.workers would be as fast$`,
        'm',
      ),
    );
  });
});

describe('a run on data without a validation split', () => {
  it('prints commands that caption what images there are', () => {
    const [own, run] = [join(folder, 'train-only'), join(folder, 'held-out')];
    mkdirSync(own);
    for (const name of ['coco2014_captions.h5', 'coco2014_vocab.json', 'train2014_vgg16_fc7.h5']) {
      copyFileSync(join(data, name), join(own, name));
    }
    const sets = [`data.dir=${own}`, 'data.holdOut=4', 'train.epochs=1'].flatMap((set) => ['--set', set]);
    const { stdout } = recap(['train', '--config', config, ...sets, '--run', run]);
    const shown = JSON.parse(recap(['show', run, '--json']).stdout).commands;
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`  ${shown.caption}`);
    expect(shown.caption).toBe(`npx recap caption --checkpoint ${run} --split train`);
    for (const command of [shown.caption, shown.evaluate]) {
      expect(recap(command.split(' ').slice(2))).toMatchObject({ status: 0, stdout: expect.stringMatching(/^./) });
    }
    // The images of a validation split that is there were not trained on.
    copyFileSync(join(data, 'val2014_vgg16_fc7.h5'), join(own, 'val2014_vgg16_fc7.h5'));
    expect(JSON.parse(recap(['show', run, '--json']).stdout).commands.caption).not.toContain('--split');
  });
});

describe('recap caption', () => {
  let checkpoint: string;
  let features: string;
  beforeAll(async () => {
    const dir = join(folder, 'run');
    await trainUntil({ afterStep: 1 }, dir, { config: smallConfig(data, ['engine=reference']) });
    checkpoint = join(dir, 'checkpoints', 'step-1.safetensors');
    features = join(folder, 'features');
    mkdirSync(features);
    renameSync(join(data, 'val2014_vgg16_fc7.h5'), join(features, 'val2014_vgg16_fc7.h5'));
  });
  afterAll(() => renameSync(join(features, 'val2014_vgg16_fc7.h5'), join(data, 'val2014_vgg16_fc7.h5')));

  it('captions images from a checkpoint and a feature file alone', () => {
    const words = ['caption', '--checkpoint', checkpoint, '--count', '4', '--set', `data.dir=${features}`];
    const { status, stdout } = recap(words);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(4);
    expect(stdout).toMatch(/^ +0 {2}/);
  });

  it('says where there are fewer images than are asked for', () => {
    const words = ['caption', '--checkpoint', checkpoint, '--count', '1e9', '--set', `data.dir=${features}`];
    const { status, stdout, stderr } = recap(words);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(9);
    expect(stderr).toContain('note: --count 1000000000, but the val features have 9 images; all are captioned.\n');
  });

  it.each([
    ['model.cell=rnn', 'model.cell: "lstm" → "rnn"'],
    ['model={hiddenDim: 99}', 'model.wordDim: 16 → 256'],
    ['train.epochs=9', 'train.epochs: 3 → 9'],
  ])('refuses --set %s, which cannot apply to a stored model', (set, change) => {
    for (const command of ['caption', 'evaluate']) {
      expect(recap([command, '--checkpoint', checkpoint, '--set', set])).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(
          new RegExp(
            `^recap: --set ${change}: a stored model stays what it was trained as\\. Only these may be set: data.dir, .*\\n$`,
          ),
        ),
      });
    }
  });

  it('captions images by the best checkpoint of a run', () => {
    const dir = join(folder, 'run');
    const { status, stderr, stdout } = recap(['caption', '--checkpoint', dir, '--set', `data.dir=${features}`]);
    expect({ status, by: stderr.split('\n')[0] }).toEqual({ status: 0, by: `checkpoint ${checkpoint}, after step 1` });
    expect(stdout.trimEnd().split('\n')).toHaveLength(9);
  });

  it('captions images of the third split, which nothing else reads', () => {
    renameSync(join(features, 'val2014_vgg16_fc7.h5'), join(features, 'test2014_vgg16_fc7.h5'));
    try {
      const words = ['caption', '--checkpoint', checkpoint, '--split', 'test', '--set', `data.dir=${features}`];
      const { status, stdout } = recap(words);
      expect(status).toBe(0);
      expect(stdout.trimEnd().split('\n')).toHaveLength(9);
    } finally {
      renameSync(join(features, 'test2014_vgg16_fc7.h5'), join(features, 'val2014_vgg16_fc7.h5'));
    }
  });

  it('refuses a folder that is no run', () => {
    expect(recap(['caption', '--checkpoint', features])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^recap: \S+features holds no whole checkpoint; expected [^\n]*\n$/),
    });
  });

  it('refuses features that are not those of its model', async () => {
    const other = await writeData({ featureDim: 8 });
    const { status, stderr } = recap(['caption', '--checkpoint', checkpoint, '--set', `data.dir=${other}`]);
    rmSync(other, { recursive: true });
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `recap: ${checkpoint} expects image features of 32 columns, the val features (data.features: fc7) have 8.\n`,
    });
  });
});

describe('recap overfit', () => {
  it('gives its verdict by the exit code although nobody reads its output', async () => {
    const words = ['overfit', '--config', config, '--captions', '4', '--epochs', '1'];
    const child = spawn(process.execPath, ['dist/src/cli/main.js', ...words], { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.destroy();
    const [status] = await once(child, 'close');
    expect(status).toBe(1);
  });

  const overfit = (...more: string[]) => recap(['overfit', '--config', config, '--captions', '3', ...more]);

  it('exits with 0 when the captions are memorised', () => {
    const { status, stdout } = overfit();
    expect(stdout).toContain('3 of 3 captions memorised word for word (100%)');
    expect(status).toBe(0);
  });

  it('switches off what is there against memorising, and says so', () => {
    const pieces = [
      'train.weightDecay=1',
      'train.ema=0.99',
      'train.earlyStopping.patience=1',
      'model.dropout.words=0.9',
    ];
    const sets = ['train.lrDecay=null', 'train.schedule=cosine', 'train.labelSmoothing=0.2', ...pieces];
    const { status, stdout } = overfit(...sets.flatMap((set) => ['--set', set]));
    expect(stdout).toContain(
      'switched off for this: train.schedule, model.dropout, train.labelSmoothing, train.weightDecay, train.ema, ' +
        'train.earlyStopping\n',
    );
    expect(stdout).toContain('3 of 3 captions memorised word for word (100%)');
    expect(status).toBe(0);
  });

  it('exits with 1 and says where to look when too few are', () => {
    const { status, stdout, stderr } = overfit('--epochs', '1');
    expect(stdout).toMatch(/^\d of 3 captions memorised word for word .* after 1 epoch$/m);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'recap: at least 95% should be. Look at learning rate, data and features.\n',
    });
  });
});

describe('recap gradcheck', () => {
  it('compares every parameter and exits with 0', () => {
    const { status, stdout } = recap(['gradcheck', '--config', config]);
    expect(stdout.match(/^\w+ +relative error [\d.e-]+ over \d+ elements$/gm)).toHaveLength(8);
    expect(status).toBe(0);
  });
});

describe('recap bench', () => {
  it('finds the fastest workers, shards and minibatch, and says them as lines of a config', () => {
    const sets = ['--set', 'train.batchSize=16', '--set', 'engine={name: cpu, blas: none}'];
    const words = ['bench', '--config', config, '--workers', 'auto', '--steps', '1', ...sets];
    const { status, stdout } = recap(words);
    expect(status).toBe(0);
    expect(stdout).toMatch(/, 1 worker, 1 shard, minibatches of 16$/m);
    const [, yaml] = /as lines of a config:\n(train:\n(?: {2}.*\n)+)/.exec(stdout)!;
    const { train } = resolveConfig(config, [`train=${JSON.stringify(parse(yaml!).train)}`]);
    expect(train.workers).toBeLessThanOrEqual(usableThreads());
    // Of 20 captions no minibatch of 32 is tried.
    expect(train.batchSize).toBe(16);
  });

  it('prints one JSON object a worker count', () => {
    const sets = ['--set', 'engine={name: cpu, blas: none}', '--set', 'train.epochs=50'];
    const words = ['bench', '--config', config, '--workers', '1,2', '--steps', '5', '--json', ...sets];
    const { status, stdout } = recap(words);
    expect(status).toBe(0);
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records).toMatchObject([
      {
        model: expect.stringMatching(/^LSTM, W = /),
        engine: 'cpu',
        supplier: 'wasm',
        precision: 'float32',
        workers: 1,
        shards: 3,
        lengths: 'data',
      },
      { workers: 2, shards: 3 },
    ]);
    for (const { captionsPerSecond, stepMs, gflops, peakShare, phases, watching } of records) {
      expect(stepMs.min).toBeLessThanOrEqual(stepMs.median);
      expect(stepMs.median).toBeLessThanOrEqual(stepMs.max);
      const { share, validationMs } = watching;
      const times = [phases.forwardBackward, phases.update, watching.stepMs, validationMs];
      for (const value of [captionsPerSecond, gflops, peakShare, share, ...times]) {
        expect(value).toBeGreaterThan(0);
      }
    }
  });
});
