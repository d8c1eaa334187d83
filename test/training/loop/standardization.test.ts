/** Features that are standardised by the training images' statistics, which the model keeps. */
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columnStatistics } from '../../../src/data/column-statistics.js';
import { type CaptionSplit, loadDataset } from '../../../src/data/dataset.js';
import { encodeHeader } from '../../../src/files/safetensors.js';
import { captionInputs } from '../../../src/training/loop/caption-images.js';
import { startRun } from '../../../src/training/run/train.js';
import {
  newestCheckpoint,
  readMetrics,
  smallConfig,
  temporaryFolder,
  trainUntil,
  watched,
  writeData,
} from '../runs.js';

let data: string;
let folder: string;
beforeAll(async () => {
  // Columns of other sizes, and one that is the same everywhere.
  data = await writeData({
    spoil: (features) => {
      for (let i = 0; i < features.length; i++) features[i] = i % 32 === 3 ? 7 : 5 + features[i]! * (1 + (i % 32));
    },
  });
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const sets = ['engine=reference', 'train.epochs=2'];

function standardized(split: CaptionSplit, mean: ArrayLike<number>, scale: ArrayLike<number>): CaptionSplit {
  const { rows, columns, data: values } = split.inputs.features!;
  const own = new Float64Array(new SharedArrayBuffer(values.length * 8));
  values.forEach((value, i) => {
    own[i] = (value - mean[i % columns]!) * scale[i % columns]!;
  });
  return { ...split, inputs: { features: { data: own, rows, columns } } };
}

describe('standardised features', () => {
  it('train and caption like features that were standardised before, by tables in the checkpoint', async () => {
    const dir = join(folder, 'tables');
    await trainUntil(null, dir, { config: smallConfig(data, [...sets, 'data.standardize=true']) });
    const checkpoint = newestCheckpoint(dir);
    const [mean, scale] = ['features_mean', 'features_scale'].map((name) => checkpoint.parameters.get(name)!.data);
    expect(mean![3]).toBe(7);
    expect(scale![3]).toBe(1);
    expect(checkpoint.states.m!.has('features_mean')).toBe(false);

    const config = smallConfig(data, sets);
    const { train, val, ...rest } = await loadDataset(config.data, 'float64');
    const dataset = { ...rest, train: standardized(train, mean!, scale!), val: standardized(val, mean!, scale!) };
    const { inputs, imageIdxs } = dataset.train;
    const after = columnStatistics(inputs.features!, imageIdxs);
    after.mean.forEach((value, column) => {
      expect(value).toBeCloseTo(0, 12);
      expect(after.inverseDeviation[column]).toBeCloseTo(1, 12);
    });
    const before = join(folder, 'before');
    await startRun(config, before, { ...watched().options, dataset });
    const losses = (run: string) =>
      readMetrics(run).flatMap(({ type, loss }) => (type === 'step' ? [loss as number] : []));
    losses(before).forEach((loss, i) => {
      expect(losses(dir)[i]).toBeCloseTo(loss, 10);
    });
    const raw = await captionInputs(checkpoint, val.inputs);
    const done = await captionInputs(newestCheckpoint(before), dataset.val.inputs);
    expect(raw.captions).toEqual(done.captions);
  });

  it('are those of the images that are trained on, not of those held out', async () => {
    const config = smallConfig(data, [...sets, 'data.standardize=true', 'data.holdOut=5']);
    const dir = join(folder, 'held-out');
    await trainUntil(null, dir, { config });
    const { train } = await loadDataset(config.data, 'float64', config.train.seed);
    const { mean } = columnStatistics(train.inputs.features!, train.imageIdxs);
    expect(newestCheckpoint(dir).parameters.get('features_mean')!.data).toEqual(mean);
    expect(train.count).toBe(15);
  });

  it('may be missing in a file of parameters alone, and are kept where a checkpoint has them', async () => {
    const { path: tables, parameters } = newestCheckpoint(join(folder, 'tables'));
    const without = join(folder, 'without.safetensors');
    const others = [...parameters].filter(([name]) => !name.startsWith('features_'));
    const header = encodeHeader(
      {},
      others.map(([name, { shape, data }]) => ({ name, dtype: 'F64', shape, bytes: data.byteLength })),
    );
    const bytes = others.map(([, { data }]) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    writeFileSync(without, Buffer.concat([header, ...bytes]));
    for (const path of [without, tables]) {
      const dir = join(folder, `from-${basename(path)}`);
      const config = smallConfig(data, [...sets, 'data.standardize=true', `model.init=${path}`, 'data.trainLimit=10']);
      await trainUntil({ afterStep: 1 }, dir, { config });
      const found = newestCheckpoint(dir).parameters.get('features_mean')!.data;
      const { train } = await loadDataset(config.data, 'float64');
      const own = columnStatistics(train.inputs.features!, train.imageIdxs).mean;
      expect(found).toEqual(path === tables ? parameters.get('features_mean')!.data : own);
    }
  });
});
