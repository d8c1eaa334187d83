import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configOf } from '../../src/config/load.js';
import { type Dataset, loadDataset } from '../../src/data/dataset.js';
import { trueCaptions } from '../../src/data/shapes/grammar.js';
import { imageFeatures } from '../../src/data/shapes/image-features.js';
import { ensureShapes, isTrueCaption, loadShapesScenes, shapesFolder } from '../../src/data/shapes/shapes.js';
import { UserError } from '../../src/errors.js';
import { temporaryFolder } from './tiny-dataset.js';

const cache = temporaryFolder();
const config = configOf({ data: { builtin: 'shapes' } }).data;
const before = process.env.RECAP_CACHE_DIR;

let data: Dataset;
beforeAll(async () => {
  process.env.RECAP_CACHE_DIR = cache;
  data = await loadDataset(config, 'float32');
});
afterAll(() => {
  if (before === undefined) delete process.env.RECAP_CACHE_DIR;
  else process.env.RECAP_CACHE_DIR = before;
});

const caption = ({ vocabulary, val }: Dataset, row: number) =>
  vocabulary.decode(val.captions.subarray(row * val.columns, (row + 1) * val.columns));

describe('The built-in set', () => {
  it('has a few thousand captions, each true of its image', () => {
    const scenes = loadShapesScenes(shapesFolder());
    expect(data.train.count).toBe(4800);
    expect(data.val.count).toBe(600);
    for (let row = 0; row < data.val.count; row++) {
      expect(isTrueCaption(scenes.val[data.val.imageIdxs[row]!]!.scene, caption(data, row))).toBe(true);
    }
  });

  it('has validation scenes that no training caption describes', () => {
    const scenes = loadShapesScenes(shapesFolder());
    const trained = new Set(scenes.train.map(({ scene }) => trueCaptions(scene).toSorted().join()));
    for (const { scene } of scenes.val) expect(trained.has(trueCaptions(scene).toSorted().join())).toBe(false);
  });

  it('knows a wrong caption', () => {
    const scene = {
      objects: [
        { shape: 'circle', colour: 'red', size: 'small', x: 16, y: 30 },
        { shape: 'cross', colour: 'blue', size: 'large', x: 48, y: 30 },
      ],
      arrangement: 'right of',
    } as const;
    expect(isTrueCaption(scene, 'a little red disc to the left of a big blue cross')).toBe(true);
    expect(isTrueCaption(scene, 'a large blue cross right of a small red circle')).toBe(true);
    expect(isTrueCaption(scene, 'a small red circle right of a large blue cross')).toBe(false);
    expect(isTrueCaption(scene, 'a small red circle above a large blue cross')).toBe(false);
    expect(isTrueCaption(scene, 'a small red circle')).toBe(false);
    expect(isTrueCaption(scene, '')).toBe(false);
  });

  it('has the features of its PNG images', () => {
    for (const row of [0, 77, 199]) {
      const url = new URL(data.val.urls![row]!);
      const { data: rgba } = PNG.sync.read(readFileSync(url));
      const rgb = Uint8Array.from(rgba.filter((_, i) => i % 4 !== 3));
      const { columns, data: features } = data.val.inputs.features!;
      expect(imageFeatures(rgb)).toEqual(features.slice(row * columns, (row + 1) * columns));
    }
  });

  it('keeps nearly all distances between images in fewer columns of PCA', async () => {
    const pca = await loadDataset({ ...config, features: 'fc7_pca' }, 'float32');
    expect(pca.val.inputs.features!.columns).toBeLessThan(data.val.inputs.features!.columns);
    const distance = ({ val }: Dataset, a: number, b: number) => {
      const features = val.inputs.features!;
      const { columns } = features;
      const values = Float64Array.from(features.data);
      let sum = 0;
      for (let i = 0; i < columns; i++) sum += (values[a * columns + i]! - values[b * columns + i]!) ** 2;
      return Math.sqrt(sum);
    };
    for (let row = 0; row < 50; row++) {
      const share = distance(pca, row, row + 100) / distance(data, row, row + 100);
      expect(share).toBeLessThan(1.00001);
      expect(share).toBeGreaterThan(0.95);
    }
  });

  it('comes out the same when it is made again, even by two at once, and leaves nothing else behind', async () => {
    const folder = join(cache, 'again', 'shapes');
    await Promise.all([ensureShapes(folder), ensureShapes(folder)]);
    expect(readdirSync(join(cache, 'again'))).toEqual(['shapes']);
    expect(loadShapesScenes(folder)).toEqual(loadShapesScenes(shapesFolder()));
    const again = await loadDataset({ ...config, builtin: null, dir: folder }, 'float32');
    expect(again.checksum).toBe(data.checksum);
  });

  it('says where it may be written instead when the cache cannot be', async () => {
    const file = join(cache, 'file');
    writeFileSync(file, '');
    await expect(ensureShapes(join(file, 'shapes'))).rejects.toThrow(UserError);
    await expect(ensureShapes(join(file, 'shapes'))).rejects.toThrow(
      /Set RECAP_CACHE_DIR to a folder that can be written/,
    );
  });

  it('is looked for in RECAP_CACHE_DIR, then XDG_CACHE_HOME', () => {
    expect(dirname(shapesFolder())).toBe(cache);
    mkdirSync(join(cache, 'xdg'));
    const { XDG_CACHE_HOME } = process.env;
    process.env.RECAP_CACHE_DIR = '';
    process.env.XDG_CACHE_HOME = join(cache, 'xdg');
    expect(dirname(shapesFolder())).toBe(join(cache, 'xdg', 'recap'));
    process.env.RECAP_CACHE_DIR = cache;
    if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  });
});
