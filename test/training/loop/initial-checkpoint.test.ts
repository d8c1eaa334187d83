/** What a model may begin with of a checkpoint: parameters that mean in it what they meant where they were trained. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configOf } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { writeFeatureDescription } from '../../../src/data/feature-description.js';
import { type CaptionedImages, datasetOf } from '../../../src/data/memory-dataset.js';
import { UserError } from '../../../src/errors.js';
import type { ExtractorDescription } from '../../../src/features/description.js';
import { family } from '../../../src/model/captioner.js';
import { readCheckpoint } from '../../../src/training/checkpoints/checkpoint.js';
import { checkOrigin } from '../../../src/training/loop/initial-checkpoint.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';
import { validationLoss } from '../../../src/training/loop/validation.js';
import { modelOf } from '../../../src/training/parallel/model.js';
import { startRun, type TrainOptions } from '../../../src/training/run/train.js';
import { recap } from '../../support/command.js';
import { newestCheckpoint, smallConfig, temporaryFolder, trainUntil, watched, writeData } from '../runs.js';

let data: string;
let folder: string;
/** Where every option of a model is set that its parameters' names and shapes do not tell. */
const wiring = ['model={wordDim: 24, hiddenDim: 24, layers: 2, residual: true, imageTo: firstWord}'];
let wired: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  wired = join(folder, 'wired');
  await trainUntil(null, wired, { config: smallConfig(data, wiring) });
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

async function initialLoss(config: Config): Promise<number> {
  const trainer = await createTrainer(config);
  try {
    return (await validationLoss(trainer.coordinator, trainer.dataset.val))!.loss;
  } finally {
    await trainer.coordinator.close();
  }
}

async function refused(config: Config, message: string, options: TrainOptions = watched().options): Promise<void> {
  const dir = join(folder, 'refused');
  const started = startRun(config, dir, options);
  await expect(started).rejects.toThrow(UserError);
  await expect(started).rejects.toThrow(message);
  expect(existsSync(dir), 'no folder is left').toBe(false);
}

describe('a model that begins with a checkpoint', () => {
  it('begins with its loss, whatever regularises it or its parameters began with', async () => {
    const { path, state } = newestCheckpoint(wired);
    const sets = ['model.dropout.words=0.5', 'train.labelSmoothing=0.1', 'model.forgetBias=1', 'train.ema=0.9'];
    const config = smallConfig(data, [...wiring, ...sets, 'validate.parameters=live', `model.init=${path}`]);
    expect(await initialLoss(config)).toBe(state.validationLoss);
  });

  it.each([
    [
      'model.imageTo=state',
      'model.imageTo is "state", but the model of INIT, which model.init names, was trained with "firstWord": its ' +
        'parameters would compute something else here. Set model.imageTo=firstWord, or leave out model.init.',
    ],
    [
      'model.residual=false',
      'model.residual is false, but the model of INIT, which model.init names, was trained with true',
    ],
    [
      'data.standardize=true',
      'data.standardize is true, but the model of INIT, which model.init names, was trained with false',
    ],
    [
      'data.tokens=char',
      'data.tokens is "char", but the model of INIT, which model.init names, was trained with "word"',
    ],
  ])('is refused with %s, by which the same parameters mean something else', async (set, message) => {
    const { path } = newestCheckpoint(wired);
    await refused(smallConfig(data, [...wiring, set, `model.init=${path}`]), message.replace('INIT', path));
  });

  it('is refused without the standardised features that the checkpoint was trained on', async () => {
    const dir = join(folder, 'standardised');
    await trainUntil({ afterStep: 1 }, dir, { config: smallConfig(data, ['data.standardize=true']) });
    await refused(smallConfig(data, [`model.init=${newestCheckpoint(dir).path}`]), 'data.standardize is false, but');
  });

  it('has residual connections or none where there is one layer, which has none', async () => {
    const dir = join(folder, 'one-layer');
    await trainUntil(null, dir, { config: smallConfig(data, ['train.epochs=1']) });
    const { path, state } = newestCheckpoint(dir);
    const config = smallConfig(data, ['model.residual=true', `model.init=${path}`]);
    expect(await initialLoss(config)).toBe(state.validationLoss);
  });

  it('of recap 0.1.0, which recorded fewer options, is that of the course', async () => {
    const run = fileURLToPath(new URL('../../fixtures/runs-of-0.1.0/lstm/run', import.meta.url));
    const { path, state } = newestCheckpoint(run);
    const { wordDim, hiddenDim } = state.model.options;
    const sets = [`model.wordDim=${wordDim}`, `model.hiddenDim=${hiddenDim}`, `model.init=${path}`];
    const trainer = await createTrainer(smallConfig(data, sets));
    await trainer.coordinator.close();
    await refused(smallConfig(data, [...sets, 'model.imageTo=firstWord']), 'was trained with "state"');
    await refused(smallConfig(data, [...sets, 'data.standardize=true']), 'was trained with false');
  });

  it('is a mistake of the user’s on the command line, where other commands begin with one too', () => {
    const { path } = newestCheckpoint(wired);
    const words = [
      '--config',
      join(wired, 'config.yaml'),
      '--set',
      `model.init=${path}`,
      '--set',
      'model.imageTo=state',
    ];
    for (const command of ['gradcheck', 'overfit']) {
      const { status, stderr } = recap([command, ...words]);
      expect(status).toBe(2);
      expect(stderr).toContain('recap: model.imageTo is "state", but');
    }
  });
});

describe('the vocabulary of a model that begins with a checkpoint', () => {
  const images = (words: readonly string[]): CaptionedImages => ({
    inputs: { features: { data: Float32Array.from(words, (_, i) => i), rows: words.length, columns: 1 } },
    captions: words.map((text, image) => ({ image, text })),
  });
  const dataOf = (...words: string[]) => datasetOf({ train: images(words), val: images(words) });
  const config = (init: string | null) =>
    configOf({
      model: { wordDim: 3, hiddenDim: 4, init },
      train: { epochs: 1, batchSize: 2, workers: 1, shards: 1 },
      engine: 'reference',
    });

  it('is the checkpoint’s, and another one of the same size is refused by its first other word', async () => {
    const animals = dataOf('cat', 'cow', 'dog', 'pig');
    const { checkpoints } = await startRun(config(null), join(folder, 'animals'), { dataset: animals });
    const init = checkpoints.newest!;
    await startRun(config(init), join(folder, 'animals-again'), { dataset: animals });
    const other = (token: string, words: string) =>
      `${init}, which model.init names, has another vocabulary than the data: token ${token} here (8 and ${words} words). ` +
      'Train on data with the same vocabulary, or leave out model.init.';
    const hen = dataOf('cat', 'cow', 'hen', 'pig');
    await refused(config(init), other('6 is "dog" there and "hen"', '8'), { dataset: hen });

    const { state } = readCheckpoint(init);
    const model = modelOf(family, state.model.options, state.model.dimensions);
    for (const [words, message] of [
      [['cat', 'cow', 'dog'], other('7 is "pig" there and missing', '7')],
      [['cat', 'cow', 'dog', 'pig', 'yak'], other('8 is missing there and "yak"', '9')],
    ] as const) {
      expect(() => checkOrigin(init, state, model, dataOf(...words))).toThrow(message);
    }
  });
});

describe('the features of a model that begins with a checkpoint', () => {
  const network = {
    kind: 'onnx',
    network: { path: '/nets/a.onnx', sha256: 'a'.repeat(64) },
    input: 'x',
    pooled: 'pooled',
    grid: null,
    preprocessing: {
      height: 8,
      width: 8,
      shorterSide: null,
      kernel: 'cubic',
      layout: 'nchw',
      channels: 'rgb',
      mean: [0, 0, 0],
      scale: [1, 1, 1],
    },
    pca: null,
  } as const satisfies ExtractorDescription;
  const builtIn = { kind: 'builtin', version: 1, pca: null } as const;
  const made = { columns: 32, grid: { positions: 4, columns: 6 }, pca: null, views: 2 };
  const madeBy = (extractor: ExtractorDescription) => writeFeatureDescription(own, { ...made, extractor });
  const attention = ['data.grid=true', 'model.attention=additive'];
  const short = ['train.epochs=1', 'validate.everyEpochs=0', 'engine=reference'];
  const configOf = (...sets: string[]) => smallConfig(own, [...short, ...sets]);
  let own: string;
  let plain: string;
  let looking: string;
  beforeAll(async () => {
    own = await writeData();
    madeBy(network);
    [plain, looking] = [join(folder, 'plain-features'), join(folder, 'looking')];
    await startRun(configOf(), plain, {});
    await startRun(configOf(...attention), looking, {});
  });
  afterAll(() => rmSync(own, { recursive: true, force: true }));
  const again = (init: string, ...sets: string[]) => {
    const dir = temporaryFolder();
    return startRun(configOf(`model.init=${newestCheckpoint(init).path}`, ...sets), dir, watched().options);
  };

  it('are those of the same network wherever it lies, and grids count where the model looks at them', async () => {
    const moved = { ...network, network: { ...network.network, path: '/elsewhere/a.onnx' } };
    for (const extractor of [moved, { ...moved, grid: 'cells' }]) {
      madeBy(extractor);
      await again(plain);
    }
    await expect(again(looking, ...attention)).rejects.toThrow('grid is null there and "cells" here.');
  });

  it.each([
    {
      extractor: builtIn,
      what: 'by the network /nets/a.onnx (SHA-256 aaaaaaaaaaaa…) there and by version 1 of the built-in extractor here',
    },
    {
      extractor: { ...network, network: { path: '/nets/a.onnx', sha256: 'b'.repeat(64) } },
      what: 'by the network /nets/a.onnx (SHA-256 aaaaaaaaaaaa…) there and by the network /nets/a.onnx (SHA-256 bbbbbbbbbbbb…) here',
    },
    { extractor: { ...network, pooled: 'other' }, what: 'pooled is "pooled" there and "other" here' },
    {
      extractor: { ...network, preprocessing: { ...network.preprocessing, mean: [1, 0, 0] } },
      what: 'preprocessing.mean is [0,0,0] there and [1,0,0] here',
    },
  ] satisfies { extractor: ExtractorDescription; what: string }[])(
    'are refused where others made them: $what',
    async ({ extractor, what }) => {
      madeBy(extractor);
      const { path } = newestCheckpoint(plain);
      await refused(
        configOf(`model.init=${path}`),
        `${path}, which model.init names, was trained on features made in another way than those of the data: ${what}. ` +
          'Make the features as those were, by recap features, or leave out model.init.',
      );
    },
  );

  it('are taken as they are where nothing says how they were made', async () => {
    rmSync(join(own, 'features.json'));
    await again(plain);
    madeBy(builtIn);
    await again(wired, ...wiring);
  });
});
