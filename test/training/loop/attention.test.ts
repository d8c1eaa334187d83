/** A captioner that attends to grids, from a folder to captions, and what is refused on the way. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadImages } from '../../../src/data/dataset.js';
import { unwrittenIds } from '../../../src/data/vocabulary.js';
import { decodingOf } from '../../../src/model/decoding/decoding.js';
import { readCheckpoint } from '../../../src/training/checkpoints/checkpoint.js';
import { captionImages, captionInputs } from '../../../src/training/loop/caption-images.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';
import { startRun } from '../../../src/training/run/train.js';
import { newestCheckpoint, smallConfig, temporaryFolder, writeData } from '../runs.js';

const attention = ['data.grid=true', 'model.attention=additive', 'model.attentionDim=10'];

let data: string;
let run: string;
beforeAll(async () => {
  data = await writeData();
  run = join(temporaryFolder(), 'run');
  await startRun(smallConfig(data, [...attention, 'train.epochs=2']), run, {});
});
afterAll(() => {
  for (const each of [data, run]) rmSync(each, { recursive: true, force: true });
});

describe('a run with attention', () => {
  it('captions the images of a folder and of memory as it did while it trained', async () => {
    const checkpoint = newestCheckpoint(run);
    const config = smallConfig(data, attention);
    const trainer = await createTrainer(config, { checkpoint });
    const { val, vocabulary } = trainer.dataset;
    const images = [0, 1, 2, 3, 4];
    const made = await trainer.coordinator.captions(val.name, images, decodingOf({}, unwrittenIds));
    const expected = made.map(([best]) => vocabulary.decode(best!.words));
    await trainer.coordinator.close();
    // Whether there are grids to look at is the checkpoint's to say.
    const found = await captionImages(checkpoint, smallConfig(data), 'val', { images });
    expect(found.captions.map(({ caption }) => caption)).toEqual(expected);
    const { inputs } = await loadImages(config.data, 'val', 'float32');
    const given = await captionInputs(checkpoint, inputs);
    expect(given.captions.slice(0, 5)).toEqual(expected);
  });

  it('tells from its workers where it looked, where it looks at all', async () => {
    const checkpoint = newestCheckpoint(run);
    const decoding = { attention: true, beam: 2 };
    const { captions } = await captionImages(checkpoint, smallConfig(data), 'val', { images: [3], decoding });
    const [best] = captions[0]!.decoded;
    expect(best!.attention).toHaveLength(best!.words.length);
    for (const weights of best!.attention!) expect(weights).toHaveLength(4);
    const blind = join(temporaryFolder(), 'blind');
    const { checkpoints } = await startRun(smallConfig(data, ['train.epochs=1']), blind, {});
    const asked = captionImages(readCheckpoint(checkpoints.newest!), smallConfig(data), 'val', { decoding });
    await expect(asked).rejects.toThrow('is of a model that looks at no grid (model.attention: none).');
    rmSync(blind, { recursive: true });
  });

  it('says what it lacks where the grids are missing or cut in another way', async () => {
    const checkpoint = newestCheckpoint(run);
    const { inputs } = await loadImages(smallConfig(data, attention).data, 'val', 'float32');
    const { features, grid } = inputs;
    await expect(captionInputs(checkpoint, { features: features! })).rejects.toThrow(
      /needs the input grid of 24 columns, which is missing/,
    );
    await expect(captionInputs(checkpoint, { features: features!, grid: { ...grid!, positions: 6 } })).rejects.toThrow(
      /expects image grid of 4 vectors each, those given have 6/,
    );
  });
});

describe('A config is refused that', () => {
  it.each([
    [
      'attends to grids that are not read',
      ['model.attention=additive'],
      /model\.attention is additive, and the data has no grid/,
    ],
    ['reads grids that nothing attends to', ['data.grid=true'], /model\.attention is none, and the data has a grid/],
  ])('%s', async (_, sets, message) => {
    await expect(createTrainer(smallConfig(data, sets))).rejects.toThrow(message);
  });

  it.each([
    [
      'penalises attention that there is not',
      ['model.attentionPenalty=1'],
      /expected 0, because model\.attention is none/,
    ],
    [
      'wants grids of the built-in set',
      ['data.dir=null', 'data.builtin=shapes', 'data.grid=true'],
      /data\.grid is true; expected false, because data\.builtin: shapes has no grid/,
    ],
  ])('%s', (_, sets, message) => {
    expect(() => smallConfig(data, sets)).toThrow(message);
  });
});
