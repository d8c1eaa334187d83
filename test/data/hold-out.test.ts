/** Images of the training split that are validated on, and the third split, which is never read in training. */
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../../src/data/dataset.js';
import { UserError } from '../../src/errors.js';
import { captionTables, featureTables, tinyDataset } from './tiny-dataset.js';

/** Seven images with two captions each, and nothing of a validation split. */
async function seven() {
  const captions = Int32Array.from({ length: 14 * 3 }, (_, i) => [1, 4 + (i % 3), 2][i % 3]!);
  const images = Int32Array.from({ length: 14 }, (_, i) => i % 7);
  return tinyDataset({
    'coco2014_captions.h5': {
      train_captions: { data: captions, shape: [14, 3] },
      train_image_idxs: { data: images, shape: [14] },
    },
    'train2014_vgg16_fc7.h5': featureTables(7),
    'val2014_vgg16_fc7.h5': 'no HDF5',
  });
}

const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);

describe('images that are held out', () => {
  it('are validated on with all their captions, are not trained on, and need no validation split', async () => {
    const { train, val } = await loadDataset({ ...(await seven()), holdOut: 3 }, 'float32', 231);
    expect([train.count, val.count]).toEqual([8, 6]);
    expect(val.name).toBe('val');
    expect(new Set(val.imageIdxs).size).toBe(3);
    expect(sorted([...new Set(train.imageIdxs), ...new Set(val.imageIdxs)])).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(val.inputs).toBe(train.inputs);
  });

  it('are chosen by the seed and are part of the checksum', async () => {
    const config = await seven();
    const load = (holdOut: number, seed: number) => loadDataset({ ...config, holdOut }, 'float32', seed);
    const [a, again, b, fewer] = await Promise.all([load(3, 1), load(3, 1), load(3, 2), load(2, 1)]);
    expect(again.checksum).toBe(a.checksum);
    expect(again.val.imageIdxs).toEqual(a.val.imageIdxs);
    expect(b.checksum).not.toBe(a.checksum);
    expect(b.val.imageIdxs).not.toEqual(a.val.imageIdxs);
    expect(fewer.checksum).not.toBe(a.checksum);
  });

  it('leave the first captions of the others where training is limited', async () => {
    const { train, val } = await loadDataset({ ...(await seven()), holdOut: 3, trainLimit: 5 }, 'float32', 231);
    expect([train.count, val.count]).toEqual([5, 6]);
  });

  it('are not all there are', async () => {
    const config = { ...(await seven()), holdOut: 7 };
    await expect(loadDataset(config, 'float32')).rejects.toThrow(UserError);
    await expect(loadDataset(config, 'float32')).rejects.toThrow(
      /^data\.holdOut: 7 images, but the training split of .*coco2014_captions\.h5 has 7; some have to be left to train on\.$/,
    );
  });
});

describe('the third split', () => {
  it('is not read in training: nothing of it changes the data, not even nonsense', async () => {
    const plain = await loadDataset(await tinyDataset(), 'float32');
    const nonsense = { data: Int32Array.of(99, -1, 99, 99), shape: [2, 2] };
    const config = await tinyDataset({
      'coco2014_captions.h5': { ...captionTables, test_captions: nonsense, test_image_idxs: nonsense },
      'test2014_vgg16_fc7.h5': 'no HDF5',
    });
    expect((await loadDataset(config, 'float32')).checksum).toBe(plain.checksum);
  });
});
