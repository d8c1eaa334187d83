/** The moving average of the parameters: what is validated, saved and captioned by where one is kept. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadDataset } from '../../../src/data/dataset.js';
import { parametersOf } from '../../../src/engine/shared-memory.js';
import type { Checkpoint } from '../../../src/training/checkpoints/checkpoint.js';
import { captionImages, captionInputs } from '../../../src/training/loop/caption-images.js';
import { captioningConfig } from '../../../src/training/loop/captioning-config.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';
import { averageKept } from '../../../src/training/loop/training-steps.js';
import { validationLoss } from '../../../src/training/loop/validation.js';
import { newestCheckpoint, smallConfig, temporaryFolder, trainUntil, writeData } from '../runs.js';

let data: string;
let folder: string;
let averaged: Checkpoint;
let plain: Checkpoint;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  const train = async (name: string, sets: readonly string[]) => {
    await trainUntil(null, join(folder, name), { config: smallConfig(data, ['train.epochs=2', ...sets]) });
    return newestCheckpoint(join(folder, name));
  };
  averaged = await train('averaged', ['train.ema=0.5']);
  plain = await train('plain', []);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** The validation loss of a checkpoint's parameters, or of their average in their place. */
async function lossOf(values: 'live' | 'ema'): Promise<number> {
  const config = smallConfig(data);
  const trainer = await createTrainer(config);
  try {
    const flat = parametersOf(trainer.coordinator.memory);
    for (const { name, offset } of trainer.coordinator.memory.layout.places) {
      flat.set((values === 'live' ? averaged.parameters : averaged.averages).get(name)!.data, offset);
    }
    return (await validationLoss(trainer.coordinator, trainer.dataset.val))!.loss;
  } finally {
    await trainer.coordinator.close();
  }
}

describe('a run that keeps an average of its parameters', () => {
  it('computes the same parameters beside, and validates by the average', async () => {
    for (const [name, { data: values }] of plain.parameters)
      expect(averaged.parameters.get(name)!.data).toEqual(values);
    expect(averaged.state.validationLoss).toBe(await lossOf('ema'));
    expect(averaged.state.validationLoss).not.toBe(plain.state.validationLoss);
    expect(plain.state.validationLoss).toBe(await lossOf('live'));
  });

  it('captions by the average, or by the live parameters where it is asked to', async () => {
    const { val } = await loadDataset(smallConfig(data).data, 'float32');
    const captions = async (checkpoint: Checkpoint, parameters?: 'live' | 'ema') =>
      (await captionInputs(checkpoint, val.inputs, parameters ? { parameters } : {})).captions;
    expect(await captions(averaged, 'live')).toEqual(await captions(plain));
    expect(await captions(averaged)).toEqual(await captions(averaged, 'ema'));
    expect(await captions(averaged)).not.toEqual(await captions(averaged, 'live'));
    await expect(captions(plain, 'ema')).rejects.toThrow(
      /holds no average of the parameters, since train\.ema was off/,
    );
  });

  it('captions in an ensemble by the average beside a model that validates its live parameters, whichever leads', async () => {
    const live: Checkpoint = {
      ...averaged,
      state: { ...averaged.state, config: smallConfig(data, ['train.ema=0.5', 'validate.parameters=live']) },
    };
    const { val } = await loadDataset(smallConfig(data).data, 'float32');
    for (const members of [
      [live, averaged],
      [averaged, live],
    ]) {
      const decodedBy = async (...sets: string[]) => {
        const { captions } = await captionImages(members, captioningConfig(members[0]!, sets), 'val');
        return captions.map(({ decoded }) => decoded);
      };
      const each = await captionInputs(members, val.inputs);
      const all = await captionInputs(members, val.inputs, { parameters: 'live' });
      expect(await decodedBy()).toEqual(each.decoded);
      expect(await decodedBy('validate.parameters=live')).toEqual(all.decoded);
      expect(all.decoded).not.toEqual(each.decoded);
    }
  });

  it('has forgotten the parameters from before training after a hundred steps, and keeps what it is told later', () => {
    let weight = 1;
    for (let step = 1; step <= 100; step++) weight *= averageKept(0.999, step);
    expect(weight).toBe(0);
    weight = 1;
    for (let step = 2; step <= 100; step++) weight *= averageKept(0.999, step);
    expect(weight).toBeGreaterThan(0);
    expect(weight).toBeLessThan(1e-6);
    expect(averageKept(0.999, 100_000)).toBe(0.999);
  });

  it('gives the average to a run that starts from it, or the live parameters where it validates those', async () => {
    const initialLoss = async (path: string) => {
      const trainer = await createTrainer(smallConfig(data, [`model.init=${path}`]));
      try {
        return (await validationLoss(trainer.coordinator, trainer.dataset.val))!.loss;
      } finally {
        await trainer.coordinator.close();
      }
    };
    expect(await initialLoss(averaged.path)).toBe(averaged.state.validationLoss);
    // The folder of a run stands for its best checkpoint, which is its last one here.
    expect(averaged.state.bestStep).toBe(averaged.state.step);
    expect(await initialLoss(join(folder, 'averaged'))).toBe(averaged.state.validationLoss);
    const sets = ['train.ema=0.5', 'validate.parameters=live', 'train.epochs=2'];
    await trainUntil(null, join(folder, 'live'), { config: smallConfig(data, sets) });
    const live = newestCheckpoint(join(folder, 'live'));
    expect(await initialLoss(live.path)).toBe(live.state.validationLoss);
  });
});
