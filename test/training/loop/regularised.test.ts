/** Masks, drawn words, drawn views and frozen vectors of a run: the same bits however it is cut up and stopped. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { gradientCheck } from '../../../src/training/checks/gradient-check.js';
import { resumeRun } from '../../../src/training/run/train.js';
import {
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  trainUntil,
  watched,
  writeData,
} from '../runs.js';

let data: string;
let folder: string;
let vectors: string;
let everything: string[];
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  vectors = join(folder, 'vectors.txt');
  const { idx_to_word: words } = JSON.parse(readFileSync(join(data, 'coco2014_vocab.json'), 'utf8'));
  const lines = (words as string[]).slice(4, 30).map((word, i) => {
    return [word, ...Array.from({ length: 24 }, (_, j) => Math.sin(i * 24 + j).toFixed(4))].join(' ');
  });
  writeFileSync(vectors, lines.join('\n'));
  everything = [
    'data.views=2',
    'model.dropout={ words: 0.2, hidden: 0.3, image: 0.1 }',
    'train.labelSmoothing=0.1',
    'train.scheduledSampling={ from: 0.2, to: 0.8, epochs: 2 }',
    'model.forgetBias=1',
    'model.imageTo=firstWord',
    'model.wordDim=24',
    `model.wordVectors=${vectors}`,
    'model.wordVectorsTrained=false',
  ];
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const losses = (dir: string) => readMetrics(dir).flatMap((each) => (each.type === 'step' ? [each.loss as number] : []));

describe('a run with further views, dropout, smoothed labels, scheduled sampling and frozen word vectors', () => {
  it.each(['reference', '{ name: cpu, blas: none }', '{ name: gpu, mode: webasm }'])(
    'has the bits of the run never stopped, on other workers too (%s)',
    async (engine) => {
      const name = engine.replaceAll(/\W+/g, '-');
      const sets = [...everything, `engine=${engine}`, 'train.epochs=2'];
      const whole = join(folder, `${name}-whole`);
      await trainUntil(null, whole, { config: smallConfig(data, [...sets, 'train.workers=1']) });
      const stopped = join(folder, `${name}-stopped`);
      await trainUntil({ afterStep: 3 }, stopped, { config: smallConfig(data, [...sets, 'train.workers=2']) });
      await trainUntil({ afterStep: 6 }, stopped, { sets: ['train.workers=3'] });
      await trainUntil(null, stopped, { sets: ['train.workers=2'] });
      expect(resultOf(stopped)).toEqual(resultOf(whole));
    },
    300_000,
  );

  it('draws the same masks, words and views however the minibatch is cut up', async () => {
    const expected = join(folder, 'one-shard');
    const sets = [...everything, 'engine=reference', 'train.epochs=1', 'train.workers=1'];
    await trainUntil(null, expected, { config: smallConfig(data, [...sets, 'train.shards=1']) });
    for (const cut of [['train.shards=3'], ['train.shards=1', 'train.accumulate=2', 'train.batchSize=3']]) {
      const dir = join(folder, `cut-${cut.length}`);
      await trainUntil(null, dir, { config: smallConfig(data, [...sets, ...cut]) });
      losses(dir).forEach((loss, i) => {
        expect(loss).toBeCloseTo(losses(expected)[i]!, 9);
      });
      expect(losses(dir)).toHaveLength(losses(expected).length);
    }
  }, 300_000);

  it('keeps the vectors as they are in the file, and refuses to go on with another in its place', async () => {
    const dir = join(folder, 'frozen');
    const config = smallConfig(data, [...everything, 'train.epochs=1']);
    await trainUntil({ afterStep: 3 }, dir, { config });
    const { parameters, states, state } = newestCheckpoint(dir);
    const text = readFileSync(vectors, 'utf8');
    text.split('\n').forEach((line, i) => {
      const row = parameters.get('W_embed')!.data.subarray((i + 4) * 24, (i + 5) * 24);
      expect([...row]).toEqual(
        line
          .split(' ')
          .slice(1)
          .map((value) => Math.fround(Number(value))),
      );
    });
    expect([...states.m!.keys()]).not.toContain('W_embed');
    expect(state.wordVectorsChecksum).toBe(createHash('sha256').update(text).digest('hex'));
    writeFileSync(vectors, `${text}\nanother ${'0 '.repeat(24)}`);
    await expect(resumeRun(dir, [], watched().options)).rejects.toThrow(UserError);
    await expect(resumeRun(dir, [], watched().options)).rejects.toThrow(
      'is not the file of word vectors that this run',
    );
    rmSync(vectors);
    await trainUntil(null, dir, { sets: [] });
    writeFileSync(vectors, text);
  }, 300_000);

  it('has the numeric gradient, masks and drawn words held fixed', async () => {
    for (const more of [[], ['model.wordVectorsTrained=true', 'model.hiddenDim=24', 'model.tieEmbeddings=true']]) {
      const config = smallConfig(data, [...everything, ...more]);
      for await (const { name, relativeError } of gradientCheck(config, { captions: 4 })) {
        expect(relativeError, name).toBeLessThan(1e-5);
      }
    }
  }, 300_000);
});
