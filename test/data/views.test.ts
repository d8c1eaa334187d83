/** Further views of the training images, of which data sets keep the rows behind those of the images. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadDataset } from '../../src/data/dataset.js';
import { extractFeatures } from '../../src/data/extract-features.js';
import { furtherView } from '../../src/data/further-views.js';
import { Hdf5Reader } from '../../src/data/hdf5.js';
import { describeImages } from '../../src/data/image-tables.js';
import { openBuiltIn } from '../../src/features/extractor.js';
import { photoFile } from '../../src/features/photo-files.js';
import { usableMemory } from '../../src/files/container-limits.js';
import { writePhotos } from '../features/photos.js';
import { type Changes, gridTables, temporaryFolder, tinyDataset } from './tiny-dataset.js';

/** A table whose numbers go on from `from`. */
function numbers(name: string, from: number, ...shape: [number, ...number[]]) {
  const length = shape.reduce((product, size) => product * size, 1);
  return { [name]: { data: Float32Array.from({ length }, (_, i) => from + i), shape } };
}

const files: Changes = {
  'train2014_grid.h5': gridTables(),
  'val2014_grid.h5': gridTables(),
  'train2014_vgg16_fc7_views.h5': numbers('features', 100, 6, 3),
  'train2014_grid_views.h5': numbers('grid', 200, 6, 3, 2),
};

describe('further views in a folder', () => {
  it('stand behind the images, as many as are wanted, of features and grids', async () => {
    const config = { ...(await tinyDataset(files)), grid: true, gridPrecision: 'float32' } as const;
    const plain = await loadDataset(config, 'float32');
    const { train, val, checksum } = await loadDataset({ ...config, views: 2 }, 'float32');
    const { features, grid } = train.inputs;
    expect([features!.rows, grid!.rows, train.views]).toEqual([6, 6, 3]);
    expect([...features!.data]).toEqual([...plain.train.inputs.features!.data, ...range(100, 12)]);
    expect([...grid!.data]).toEqual([...plain.train.inputs.grid!.data, ...range(200, 24)]);
    expect(train.imageIdxs).toEqual(plain.train.imageIdxs);
    expect(val).toMatchObject({ views: 1, inputs: { features: { rows: 2 } } });
    expect(checksum).not.toBe(plain.checksum);
  });

  it('are all read on auto, where there are some', async () => {
    const grids = { 'train2014_grid.h5': gridTables(), 'val2014_grid.h5': gridTables() };
    const load = async (changes: Changes) =>
      loadDataset({ ...(await tinyDataset(changes)), grid: true, views: 'auto' }, 'float32');
    const [some, none] = [await load(files), await load(grids)];
    expect([some.train.views, some.notes]).toEqual([4, ['each training image in 3 further views too']]);
    expect([none.train.views, none.notes]).toEqual([1, []]);
  });

  it('are as many of grids as of features, also on auto', async () => {
    const config = await tinyDataset({ ...files, 'train2014_grid_views.h5': numbers('grid', 0, 4, 3, 2) });
    await expect(loadDataset({ ...config, grid: true, views: 'auto' }, 'float32')).rejects.toThrow(
      /train2014_grid_views\.h5: 2 views of each image, where data\.views asks for 3\./,
    );
  });

  it('are refused where they are more numbers than one array can have, or memory', async () => {
    const { dir } = await tinyDataset(files);
    const reader = new Hdf5Reader();
    const { features } = await describeImages(reader, dir, { features: 'fc7', grid: false }, 'train');
    const rows = 2 ** 31;
    const why = 6 * rows > usableMemory() ? 'needs 12\\.0 GiB, more' : 'has more than the 4294967296 numbers';
    await expect(reader.read([features, { ...features, rows }], 'float16')).rejects.toThrow(
      new RegExp(
        `'features' with its further views, of shape \\(2147483650, 3\\), ${why} .* Set data\\.views to less\\.$`,
      ),
    );
    await reader.close();
  });

  it('are not read unless they are wanted', async () => {
    const config = await tinyDataset({ 'train2014_vgg16_fc7_views.h5': 'nothing' });
    expect((await loadDataset(config, 'float32')).train.views).toBe(1);
  });

  it.each<[string, Changes, number, RegExp]>([
    [
      'more than there are',
      files,
      4,
      /train2014_vgg16_fc7_views\.h5: 3 views of each image, where data\.views asks for 4\. Set at most 3/,
    ],
    [
      'of another number of images',
      { ...files, 'train2014_vgg16_fc7_views.h5': numbers('features', 0, 5, 3) },
      2,
      /train2014_vgg16_fc7_views\.h5: 5 rows of 3, but .*train2014_vgg16_fc7\.h5 has 2 of 3\. Make both by one recap features --views\./,
    ],
    [
      'of another network',
      { ...files, 'train2014_grid_views.h5': numbers('grid', 0, 6, 2, 3) },
      2,
      /train2014_grid_views\.h5: 6 rows of 2 × 3, but .*train2014_grid\.h5 has 2 of 3 × 2\./,
    ],
    [
      'that are not there',
      {},
      1,
      /train2014_vgg16_fc7_views\.h5: no such file, which data\.views asks for\. Put it back, make it by/,
    ],
  ])('are refused: %s', async (_, changes, views, message) => {
    const grids = { 'train2014_grid.h5': gridTables(), 'val2014_grid.h5': gridTables() };
    const config = { ...(await tinyDataset({ ...grids, ...changes })), grid: true, views };
    await expect(loadDataset(config, 'float32')).rejects.toThrow(message);
  });
});

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

describe('recap features with further views', () => {
  it('gives each training image its views, all images from one and then from the next', async () => {
    const folder = temporaryFolder();
    await writePhotos(folder, 150, 120);
    const extractor = await openBuiltIn();
    const told: string[] = [];
    const { files } = await extractFeatures(folder, extractor, {
      views: 2,
      events: { progress: ({ done, total }) => told.push(`${done} of ${total}`) },
    });
    expect(told.at(-1)).toBe('69 of 69');
    expect(files.map((path) => path.slice(folder.length + 1))).toContain('train2014_grid_views.h5');
    const { train } = await loadViews(folder, 2);
    const { features } = train.inputs;
    for (const [image, view] of [
      [0, 1],
      [19, 1],
      [7, 2],
    ] as const) {
      const photo = photoFile(join(folder, `photos/train-${image}.png`));
      const pixels = await extractor.decode(photo, furtherView(image, view));
      const { data, columns } = (await extractor.extract([pixels])).features;
      const row = image + 20 * view;
      expect(features!.data.slice(row * columns, (row + 1) * columns), `view ${view} of ${image}`).toEqual(data);
      const whole = (await extractor.extract([await extractor.decode(photo)])).features.data;
      expect(data).not.toEqual(whole);
    }
    await extractor.close();
  });

  it('goes on where it was broken off, also for more views than before', async () => {
    const [folder, whole] = [temporaryFolder(), temporaryFolder()];
    for (const each of [folder, whole]) await writePhotos(each, 20, 20);
    const extractor = await openBuiltIn();
    // A file that is a folder cannot be written, when all rows are done.
    const blocked = join(folder, 'train2014_vgg16_fc7_views.h5');
    mkdirSync(blocked);
    await expect(extractFeatures(folder, extractor, { views: 2 })).rejects.toThrow('cannot be written');
    rmSync(blocked, { recursive: true });
    const told: string[] = [];
    const resumed = (done: number, total: number) => void told.push(`${done} of ${total}`);
    await extractFeatures(folder, extractor, { views: 3, events: { resumed } });
    expect(told).toEqual(['69 of 89']);
    await extractFeatures(whole, extractor, { views: 3 });
    const [found, expected] = [await loadViews(folder, 3), await loadViews(whole, 3)];
    expect(found.train.inputs).toEqual(expected.train.inputs);
    await extractor.close();
  });

  it('needs training images, and a description that knows of the views', async () => {
    const extractor = await openBuiltIn();
    const folder = temporaryFolder();
    await writePhotos(folder, 20, 20);
    await extractFeatures(folder, extractor, { views: 1 });
    const names = ['train2014_vgg16_fc7_views.h5', 'train2014_grid_views.h5'];
    const earlier = names.map((name) => readFileSync(join(folder, name)));
    await extractFeatures(folder, extractor);
    expect((await loadViews(folder, 'auto')).train.views).toBe(1);
    names.forEach((name, i) => {
      writeFileSync(join(folder, name), earlier[i]!);
    });
    await expect(loadViews(folder, 1)).rejects.toThrow(
      /features\.json: describes features without the further views in .*train2014_vgg16_fc7_views\.h5, which others made\./,
    );
    rmSync(join(folder, 'train2014_images.txt'));
    await expect(extractFeatures(folder, extractor, { views: 1 })).rejects.toThrow(
      /^--views: .* has no training images \(train2014_images\.txt\) to have further views of\.$/,
    );
    await extractor.close();
  });
});

/** With captions of a word for each of the photos. */
async function loadViews(folder: string, views: number | 'auto') {
  const counts = { train: 20, val: 9 };
  const tables = Object.entries(counts).map(([split, count]) => ({
    [`${split}_captions`]: { data: new Int32Array(3 * count).map((_, i) => [1, 4, 2][i % 3]!), shape: [count, 3] },
    [`${split}_image_idxs`]: { data: Int32Array.from({ length: count }, (_, i) => i), shape: [count] },
  }));
  const { dir } = await tinyDataset({ 'coco2014_captions.h5': Object.assign({}, ...tables) });
  for (const name of ['coco2014_captions.h5', 'coco2014_vocab.json']) {
    writeFileSync(join(folder, name), readFileSync(join(dir, name)));
  }
  return await loadDataset({ ...(await tinyDataset()), dir: folder, views, grid: true }, 'float32');
}
