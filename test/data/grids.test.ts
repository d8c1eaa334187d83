/** Grids of image vectors: a data set of three dimensions, kept in float16. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadDataset, loadImages } from '../../src/data/dataset.js';
import { copyRow, type FeatureTable } from '../../src/data/feature-table.js';
import { type Changes, gridTables, tinyDataset } from './tiny-dataset.js';

const grids: Changes = { 'train2014_grid.h5': gridTables(), 'val2014_grid.h5': gridTables() };

async function load(changes: Changes = grids, gridPrecision: 'float16' | 'float32' = 'float16') {
  return loadDataset({ ...(await tinyDataset(changes)), grid: true, gridPrecision }, 'float32');
}

function rowsOf(table: FeatureTable): number[] {
  const values = new Float64Array(table.rows * table.columns);
  for (let row = 0; row < table.rows; row++) copyRow(table, row, values, row * table.columns);
  return [...values];
}

const of = (data: ArrayLike<number>, shape: number[], more: object = {}): Changes => {
  const tables = { grid: { data: Float32Array.from(data), shape, ...more } };
  return { 'train2014_grid.h5': tables, 'val2014_grid.h5': tables };
};

describe('The grids of a folder', () => {
  it('are read as a row an image, position by position, in float16 in shared memory', async () => {
    const { grid } = (await load()).train.inputs;
    expect(grid).toMatchObject({ rows: 2, columns: 6, positions: 3 });
    expect(grid!.data).toBeInstanceOf(Uint16Array);
    expect(grid!.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(rowsOf(grid!)).toEqual([...(gridTables().grid!.data as Float32Array)]);
  });

  it('are not read unless they are wanted', async () => {
    const { train } = await loadDataset(await tinyDataset({ 'train2014_grid.h5': 'nothing' }), 'float32');
    expect(Object.keys(train.inputs)).toEqual(['features']);
  });

  it('are rounded once, to the nearest, or kept as they are', async () => {
    const third = of([1 / 3, -1 / 3, 1000.3, 1e-7], [2, 2, 1]);
    expect(rowsOf((await load(third)).train.inputs.grid!)).toEqual([
      0.333251953125,
      -0.333251953125,
      1000.5,
      2 * 2 ** -24,
    ]);
    const { grid } = (await load(third, 'float32')).train.inputs;
    expect(grid!.data).toEqual(Float32Array.of(1 / 3, -1 / 3, 1000.3, 1e-7));
  });

  it('come in float16 too, whatever they are kept in', async () => {
    // Written by h5py, because h5wasm does not write float16.
    const file = readFileSync(new URL('../fixtures/float16-grid.h5', import.meta.url));
    const halves = { 'train2014_grid.h5': file, 'val2014_grid.h5': file };
    for (const precision of ['float16', 'float32'] as const) {
      expect(rowsOf((await load(halves, precision)).val.inputs.grid!)).toEqual([0.5, -2, 0.25, 65504]);
    }
  });

  it('may be packed in chunks of any shape', async () => {
    const [n, L, C] = [150, 5, 7];
    const data = Float32Array.from({ length: n * L * C }, (_, i) => (i % 2039) / 64 - 9);
    for (const chunks of [
      [1, L, C],
      [64, 2, 3],
      [n, 1, C],
    ]) {
      const changes = { ...of(data, [n, L, C], { chunks, compression: 4 }) };
      const features = { features: { data: new Float32Array(n * 3), shape: [n, 3] } };
      const all = { ...changes, 'train2014_vgg16_fc7.h5': features, 'val2014_vgg16_fc7.h5': features };
      expect(rowsOf((await load(all)).train.inputs.grid!)).toEqual([...data]);
    }
  });

  it('are part of the checksum, rounded as they are', async () => {
    const checksum = async (...given: Parameters<typeof load>) => (await load(...given)).checksum;
    const same = await checksum();
    expect(await checksum()).toBe(same);
    expect((await loadDataset(await tinyDataset(), 'float32')).checksum).not.toBe(same);
    expect(await checksum(of([...(gridTables().grid!.data as Float32Array)], [2, 2, 3]))).not.toBe(same);
    expect(await checksum(of(new Float32Array(12), [2, 3, 2]))).not.toBe(same);
    const third = of(new Float32Array(12).fill(1 / 3), [2, 3, 2]);
    expect(await checksum(third)).not.toBe(await checksum(third, 'float32'));
  });

  it('are loaded for captioning where there are no captions', async () => {
    const config = { ...(await tinyDataset(grids)), grid: true };
    expect(Object.keys((await loadImages(config, 'val', 'float32')).inputs)).toEqual(['features', 'grid']);
  });

  it.each<[string, Changes, RegExp]>([
    ['are not there', {}, /train2014_grid\.h5: no such file/],
    [
      'are of two dimensions',
      of(new Float32Array(4), [2, 2]),
      /'grid' has shape \(2, 2\) of float32, where a table of three/,
    ],
    [
      'are of float64',
      { ...grids, 'train2014_grid.h5': { grid: { data: new Float64Array(12), shape: [2, 3, 2] } } },
      /of float64, where a table of three dimensions of floats is expected \(float16 or float32\)/,
    ],
    ['are of other images', of(new Float32Array(18), [3, 3, 2]), /grids of 3 images, but .*fc7\.h5 has 2/],
    [
      'are of another network in the validation split',
      { ...grids, 'val2014_grid.h5': gridTables(2, 2, 3) },
      /val2014_grid\.h5: grids of 2 vectors of 3 columns, but .* has 3 vectors of 2 columns/,
    ],
    [
      'hold a number that float16 does not',
      of([0, 0, 70000, 0], [2, 1, 2]),
      /'grid' has 70000 in row 1, column 0, where a finite float16 is expected.*or keep float32 \(data\.gridPrecision\)/,
    ],
    ['hold NaN', of([0, Number.NaN, 0, 0], [2, 1, 2]), /'grid' has NaN in row 0, column 1/],
  ])('are refused where they %s', async (_, changes, message) => {
    await expect(load(changes)).rejects.toThrow(message);
  });
});
