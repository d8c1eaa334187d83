/** The sanity run: what it reads of the data. */
import { describe, expect, it } from 'vitest';
import { configOf } from '../../../src/config/load.js';
import { overfit } from '../../../src/training/checks/overfit.js';
import { captionTables, tinyDataset } from '../../data/tiny-dataset.js';

const training = Object.fromEntries(Object.entries(captionTables).filter(([name]) => name.startsWith('train')));

describe('memorising', () => {
  it.each([1, null])('reads the training split alone, all of it, where data.holdOut is %s', async (holdOut) => {
    const { dir } = await tinyDataset({
      'coco2014_captions.h5': training,
      'val2014_vgg16_fc7.h5': 'no HDF5',
    });
    const config = configOf({
      data: { dir, holdOut },
      model: { wordDim: 3, hiddenDim: 4 },
      train: { workers: 1, shards: 1 },
      validate: { metric: 'CIDEr' },
      engine: 'reference',
    });
    const { samples } = await overfit(config, { captions: 50, epochs: 1 });
    expect(samples.map(({ image, truth }) => [image, truth])).toEqual([
      [0, 'a ball'],
      [1, 'a red ball'],
    ]);
  });
});
