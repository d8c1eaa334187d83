import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import {
  describeNetwork,
  type Extractor,
  type NetworkWanted,
  openExtractor,
  openNetwork,
} from '../../src/features/extractor.js';
import { inputOf } from '../../src/features/network-input.js';
import { photoFile } from '../../src/features/photo-files.js';
import { presets } from '../../src/features/presets.js';
import { featuresOf, gridOf } from '../../src/features/tensor-rows.js';
import { temporaryFolder } from '../data/tiny-dataset.js';
import { describeWith, sharedFile } from '../support/requirements.js';
import { pattern } from './photos.js';

const tiny = 'test/fixtures/tiny-network.onnx';
const plain: NetworkWanted = { mean: [10, 20, 30], scale: [2], pooled: 'pooled', grid: 'cells' };

async function withNetwork<Result>(
  wanted: NetworkWanted,
  use: (extractor: Extractor) => Promise<Result>,
): Promise<Result> {
  const { file, description } = describeNetwork(tiny, wanted);
  const extractor = await openNetwork(file, description);
  try {
    return await use(extractor);
  } finally {
    await extractor.close();
  }
}

describe('a network', () => {
  it('gives tensors from inside its graph, of pixels less their mean', async () => {
    const images = [pattern(8, 8), pattern(8, 8).map((value) => 255 - value)];
    const { features, grid } = await withNetwork(plain, (extractor) => extractor.extract(images));
    expect([features.columns, grid!.positions, grid!.columns]).toEqual([4, 16, 4]);
    images.forEach((pixels, image) => {
      const value = (x: number, y: number, c: number) => (pixels[(y * 8 + x) * 3 + c]! - [10, 20, 30][c]!) / 2;
      const mean = [0, 0, 0, 0];
      for (let cell = 0; cell < 16; cell++) {
        const [x, y] = [(cell % 4) * 2, Math.floor(cell / 4) * 2];
        const colours = [0, 1, 2].map(
          (c) => (value(x, y, c) + value(x + 1, y, c) + value(x, y + 1, c) + value(x + 1, y + 1, c)) / 4,
        );
        const expected = [...colours, colours.reduce((a, b) => a + b)];
        const found = grid!.data.subarray((image * 16 + cell) * 4, (image * 16 + cell + 1) * 4);
        expected.forEach((each, c) => {
          expect(found[c]).toBeCloseTo(each, 3);
          mean[c]! += each / 16;
        });
      }
      for (const [c, each] of mean.entries()) expect(features.data[image * 4 + c]).toBeCloseTo(each, 3);
    });
  });

  it('that gives numbers beyond all bounds is refused', async () => {
    const wanted = { ...plain, scale: [1e-38] };
    await expect(withNetwork(wanted, (each) => each.extract([pattern(8, 8)]))).rejects.toThrow(
      'The network gives numbers that are not finite.',
    );
  });

  it('whose tensor is a map gives its mean over positions', async () => {
    const images = [pattern(8, 8)];
    const [pooled, map] = await Promise.all(
      ['pooled', 'cells'].map((name) => withNetwork({ ...plain, pooled: name }, (each) => each.extract(images))),
    );
    for (const [i, value] of pooled!.features.data.entries()) expect(map!.features.data[i]).toBeCloseTo(value, 3);
  });

  it('says its size, its layout and its only output itself', () => {
    const { description } = describeNetwork(tiny, { preset: 'resnet' });
    expect(description).toMatchObject({ input: 'pixels', pooled: 'logits', grid: null });
    expect(description.preprocessing).toEqual({ ...presets.resnet, height: 8, width: 8, shorterSide: 9 });
  });

  it.each<[NetworkWanted, string]>([
    [
      { preset: 'resnet', pooled: 'poled' },
      `--pooled: ${tiny} has no tensor poled; did you mean pooled? Its outputs are logits`,
    ],
    [{ preset: 'resnet', grid: 'x' }, `--grid: ${tiny} has no tensor x; Its outputs`],
    [{ preset: 'resnet', input: 'x' }, `--input: ${tiny} has no input x, only pixels.`],
    [{ preset: 'resnet', size: 224 }, `--size: 224, but ${tiny} reads (?, 3, 8, 8).`],
    [{ preset: 'resnet', layout: 'nhwc' }, `--layout: nhwc, but ${tiny} reads nchw, (?, 3, 8, 8).`],
    [{ preset: 'resnet', resize: 4 }, '--resize: 4 pixels are too few to cut 8 × 8 out of.'],
    [{ mean: [1] }, `How pixels become the input of ${tiny} is not known. Give --preset (vgg16, `],
    [{ mean: [1, 2], scale: [1] }, '--mean: expected one number, or three for red, green and blue'],
    [{ mean: [1], scale: [0] }, 'The preprocessing makes no sense: scale.0: '],
  ])('is refused with %j', (wanted, message) => {
    expect(() => describeNetwork(tiny, wanted)).toThrow(UserError);
    expect(() => describeNetwork(tiny, wanted)).toThrow(message);
  });

  it('is known by its bytes wherever it lies', async () => {
    const { description } = describeNetwork(tiny, plain);
    const folder = temporaryFolder();
    const moved = { ...description, network: { ...description.network, path: join(folder, 'gone.onnx') } };
    await expect(openExtractor(moved)).rejects.toThrow(
      'the network that made the features, is not there. Where it has moved: --network FILE.',
    );
    await (await openExtractor(moved, { network: tiny })).close();
    const other = join(folder, 'other.onnx');
    // An unknown field at the end, as a newer exporter may write.
    writeFileSync(other, Buffer.concat([readFileSync(tiny), Uint8Array.of(0xf8, 0x07, 1)]));
    await expect(openExtractor(moved, { network: other })).rejects.toThrow(
      `${other} is not the network that made the features: its SHA-256 is `,
    );
    await expect(openExtractor({ kind: 'builtin', version: 99, pca: null })).rejects.toThrow(
      'version 99 of the built-in extractor',
    );
  });
});

describe('preprocessing', () => {
  const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const how = { ...presets.resnet, height: 1, width: 2, mean: [0, 1, 2], scale: [1, 1, 2] } as const;

  it('orders dimensions and colours as the network reads them', () => {
    expect([...inputOf([pixels], how)]).toEqual([1, 4, 1, 4, 0.5, 2]);
    expect([...inputOf([pixels], { ...how, layout: 'nhwc' })]).toEqual([1, 1, 0.5, 4, 4, 2]);
    expect([...inputOf([pixels], { ...how, channels: 'bgr' })]).toEqual([0.5, 2, 1, 4, 1, 4]);
  });

  it('of each preset spreads grey values around zero, but for those that take the mean off alone', () => {
    for (const [name, { mean, scale }] of Object.entries(presets)) {
      const ends = [0, 255].map((value) => (value - mean[0]) / scale[0]);
      expect(ends[0], name).toBeLessThan(-0.9);
      expect(ends[1], name).toBeLessThan(name === 'vgg16-caffe' ? 140 : 3);
    }
  });
});

describe('a tensor', () => {
  const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => i);

  it('of tokens is features by its class token, and a grid without it', () => {
    const tensor = { name: 'hidden', dims: [1, 5, 2], data: numbers(10) };
    expect([...featuresOf(tensor, 'nchw').data]).toEqual([0, 1]);
    expect(gridOf(tensor, 'nchw')).toEqual({ data: numbers(10).subarray(2), positions: 4, columns: 2 });
  });

  it('of tokens alone is features by their mean, and a grid as it is', () => {
    const tensor = { name: 'hidden', dims: [1, 4, 2], data: numbers(8) };
    expect([...featuresOf(tensor, 'nchw').data]).toEqual([3, 4]);
    expect(gridOf(tensor, 'nchw').positions).toBe(4);
  });

  it('of a map has its cells row by row in either layout', () => {
    expect([...gridOf({ name: 'map', dims: [1, 2, 1, 3], data: numbers(6) }, 'nchw').data]).toEqual([0, 3, 1, 4, 2, 5]);
    expect([...gridOf({ name: 'map', dims: [1, 1, 3, 2], data: numbers(6) }, 'nhwc').data]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('of another shape is refused by its name', () => {
    const vector = { name: 'v', dims: [4], data: numbers(4) };
    expect(() => featuresOf(vector, 'nchw')).toThrow('v has shape (4), where pooled features (n, D) are expected');
    expect(() => gridOf({ ...vector, dims: [2, 2] }, 'nchw')).toThrow('v has shape (2, 2), where a grid is expected');
  });
});

describeWith({ shared: 'data/flickr8k/model.onnx' }, 'a stock classifier', () => {
  const folder = sharedFile('data/flickr8k/');
  const array = (name: string) => {
    const bytes = readFileSync(folder + name);
    const start = 10 + bytes.readUInt16LE(8);
    return new Float32Array(Uint8Array.from(bytes.subarray(start)).buffer);
  };

  it('gives Python’s features and grids of the same photos', async () => {
    const captions: Record<string, { split: string }> = JSON.parse(readFileSync(`${folder}captions.json`, 'utf8'));
    const names = Object.keys(captions)
      .filter((name) => captions[name]!.split !== 'train')
      .sort()
      .slice(0, 20);
    const { file, description } = describeNetwork(`${folder}model.onnx`, {
      preset: 'efficientnet-lite',
      pooled: '/ReduceMean_output_0',
      grid: '/_blocks.20/_project_conv/Conv_output_0',
    });
    const extractor = await openNetwork(file, description);
    const images = await Promise.all(names.map((name) => extractor.decode(photoFile(`${folder}images/${name}`))));
    const { features, grid } = await extractor.extract(images);
    await extractor.close();
    expect(largestDifference(features.data, array('pooled-200.npy'))).toBeLessThan(1e-4);
    // Kept in float16: half a unit in its last place.
    expect(largestDifference(grid!.data, array('grid-20.npy'))).toBeLessThan(2 ** -11);
  });

  /** By the largest of the expected ones, of which there may be more. */
  function largestDifference(found: Float32Array, expected: Float32Array): number {
    let [difference, largest] = [0, 0];
    found.forEach((value, i) => {
      difference = Math.max(difference, Math.abs(value - expected[i]!));
      largest = Math.max(largest, Math.abs(expected[i]!));
    });
    return difference / largest;
  }
});
