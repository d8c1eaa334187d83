/** What a validation measures on captions that are not as expected. */
import { afterAll, describe, expect, it } from 'vitest';
import { configOf } from '../../../src/config/load.js';
import type { CaptionSplit } from '../../../src/data/dataset.js';
import { datasetOf } from '../../../src/data/memory-dataset.js';
import { nullId } from '../../../src/data/vocabulary.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';
import { validationLoss } from '../../../src/training/loop/validation.js';

const images = {
  inputs: { features: { rows: 2, columns: 3, data: Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6) } },
  captions: [
    { image: 0, text: 'a red ball lies here' },
    { image: 1, text: 'a ball' },
  ],
};
const dataset = datasetOf({ train: images, val: images });
const config = configOf({
  data: { builtin: 'shapes' },
  model: { wordDim: 4, hiddenDim: 5 },
  train: { batchSize: 2, workers: 1, shards: 1 },
  engine: { name: 'reference' },
});
const trainer = createTrainer(config, { onFault: () => {}, load: async () => dataset });
afterAll(async () => (await trainer).coordinator.close());

/** The validation split with `<NULL>` in these columns of every caption. */
function withNulls(...columns: readonly number[]): CaptionSplit {
  const { val } = dataset;
  const captions = val.captions.map((id, i) => (columns.includes(i % val.columns) ? nullId : id));
  return { ...val, captions };
}

describe('The loss of a validation', () => {
  it('has a perplexity of the words that carry loss, so <NULL> within a caption does not count', async () => {
    const { coordinator } = await trainer;
    const { loss, perplexity } = (await validationLoss(coordinator, withNulls(2)))!;
    // Of six and three targets, the words and <END>, each caption has one less.
    expect(perplexity).toBeCloseTo(Math.exp((2 * loss) / 7), 10);
  });

  it('tells how many captions are done', async () => {
    const { coordinator } = await trainer;
    const { count } = dataset.val;
    const told: string[] = [];
    await validationLoss(coordinator, dataset.val, undefined, 'live', (done, of) => told.push(`${done} of ${of}`));
    expect(told.at(-1)).toBe(`${count} of ${count}`);
  });

  it('is none where no word is there to predict', async () => {
    const { coordinator } = await trainer;
    expect(await validationLoss(coordinator, withNulls(1, 2, 3, 4, 5, 6))).toBeNull();
  });
});
