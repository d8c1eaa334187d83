import { expect, it } from 'vitest';
import { configOf } from '../../../src/config/load.js';
import { datasetOf } from '../../../src/data/memory-dataset.js';
import { drawnViews } from '../../../src/training/loop/image-views.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';

const images = 5;
const dataset = datasetOf({
  train: {
    inputs: { features: { data: new Float32Array(4 * images * 2), rows: 4 * images, columns: 2 } },
    captions: [{ image: 0, text: 'a' }],
  },
});
const { train } = dataset;
const split = { ...train, views: 4 };
const draw = (rows: readonly number[], step: number, first = 0, rowsOfImage = 1) => [
  ...drawnViews(split, rows, { seed: 231, step }, first, rowsOfImage),
];

it('the views of captions are these, and of an image that has one view always that', () => {
  expect(draw([0, 1, 2, 3, 4, 0, 1, 2], 1)).toEqual([5, 6, 2, 18, 9, 10, 11, 17]);
  expect(draw([0, 1, 2, 3, 4, 0, 1, 2], 2)).toEqual([0, 16, 17, 13, 19, 0, 1, 12]);
  expect([...drawnViews(train, [4, 0, 3], { seed: 231, step: 1 }, 0)]).toEqual([4, 0, 3]);
});

it('a part of a minibatch sees what it would see in the whole, and samples of an image see the same', () => {
  const whole = draw([0, 1, 2, 3, 4, 0, 1, 2], 7);
  expect([...draw([0, 1, 2], 7), ...draw([3, 4, 0, 1, 2], 7, 3)]).toEqual(whole);
  expect(draw([0, 3, 1], 7, 0, 3)).toEqual([whole[0], whole[3], whole[6]]);
});

it('each view of an image comes as often as the others', () => {
  const counts = [0, 0, 0, 0];
  for (let step = 1; step <= 400; step++) {
    for (const row of draw([0, 1, 2, 3, 4], step)) counts[Math.floor(row / images)]!++;
  }
  // Four standard deviations of a share of a quarter of 2000.
  for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(78);
});

it('views that the data does not bring are not passed over', async () => {
  const config = configOf({ data: { views: 2 }, train: { workers: 1 } });
  await expect(createTrainer(config, { load: () => dataset })).rejects.toThrow(
    'data.views: 2, but the data brings 0 further views of an image. Set data.views=auto.',
  );
});
