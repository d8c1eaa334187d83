/** `recap evaluate` and `recap caption` of the checkpoints of a run, by every search. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvaluation } from '../../src/board/evaluation.js';
import { startRun } from '../../src/training/run/train.js';
import { recap } from '../support/command.js';
import { smallConfig, temporaryFolder, writeData } from '../training/runs.js';

let data: string;
let runs: string;
let run: string;
beforeAll(async () => {
  data = await writeData();
  runs = temporaryFolder();
  run = join(runs, 'one');
  await startRun(smallConfig(data, ['train.epochs=6', 'checkpoint.everySteps=8']), run, {});
  await startRun(smallConfig(data, ['train.epochs=6', 'train.seed=9']), join(runs, 'two'), {});
});
afterAll(() => {
  for (const each of [data, runs]) rmSync(each, { recursive: true, force: true });
});

const listed = (images: number) =>
  JSON.stringify(
    Array.from({ length: images }, (_, image) => ({ image_idx: image, file: `${image}.jpg`, captions: ['w5 w6 w7'] })),
  );

describe('recap evaluate --run', () => {
  it('scores the captions of all images of a split over the captions of the data, and says what that changes', () => {
    const { status, stdout, stderr } = recap(['evaluate', '--run', run, '--beam', '3']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^captions {2}9, with 9 references$/m);
    expect(stdout).toMatch(/^CIDEr +\d/m);
    expect(stdout).toMatch(/^copied +\d+\.\d% are captions of the training set$/m);
    expect(stderr).toMatch(/^checkpoint \S+best\.safetensors, after step \d+$/m);
    expect(stderr).toMatch(
      /^note: \S+val_refs\.json is not there; references are decoded from the data's captions, whose <UNK> and cut ends change scores\.$/m,
    );
  });

  it('takes the list of references beside the data, or one that is named, and writes every caption to a file', () => {
    const refs = join(data, 'val_refs.json');
    const out = join(runs, 'evaluation.json');
    writeFileSync(refs, listed(9));
    const words = ['evaluate', '--checkpoint', run, '--beam', '4', '--nbest', '2', '--json', '--out', out];
    const { status, stdout, stderr } = recap(words);
    expect(status).toBe(0);
    expect(stderr).not.toContain('note:');
    const record = JSON.parse(stdout);
    expect(record).toMatchObject({ split: 'val', images: 9, referencesFrom: refs, decoding: { beam: 4, nbest: 2 } });
    const { perImage } = JSON.parse(readFileSync(out, 'utf8'));
    expect(perImage).toHaveLength(9);
    // In the folder of a run the board shows it.
    const { evaluation, problem } = readEvaluation(runs);
    expect({ ...evaluation, problem }).toMatchObject({
      problem: null,
      images: 9,
      split: 'val',
      search: 'beam 4, nbest 2',
    });
    expect(evaluation!.best.map(({ alternatives, references }) => [alternatives.length, references.length])).toEqual(
      Array(8).fill([2, 1]),
    );
    for (const { caption, captions, file, image } of perImage) {
      expect(file).toBe(`${image}.jpg`);
      expect(captions).toHaveLength(2);
      expect(caption).toBe(captions[0].text);
      expect(captions[0].score).toBeGreaterThanOrEqual(captions[1].score);
      expect(captions[0].logProbability).toBeLessThan(0);
    }
    rmSync(refs);
    const elsewhere = join(runs, 'some.json');
    writeFileSync(elsewhere, listed(4));
    expect(JSON.parse(recap([...words, '--refs', elsewhere]).stdout)).toMatchObject({
      images: 4,
      referencesFrom: elsewhere,
    });
  });

  it('takes the test split as any other', () => {
    for (const table of ['vgg16_fc7.h5']) copyFileSync(join(data, `val2014_${table}`), join(data, `test2014_${table}`));
    writeFileSync(join(data, 'test_refs.json'), listed(9));
    const { status, stdout } = recap(['evaluate', '--run', run, '--split', 'test', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ split: 'test', images: 9 });
  });

  it('takes several checkpoints as an ensemble, and the newest of a run as one model', () => {
    const two = ['--checkpoint', run, '--checkpoint', join(runs, 'two')];
    const ensemble = recap(['evaluate', ...two, '--json']);
    expect(ensemble.status).toBe(0);
    expect(ensemble.stderr).toContain('an ensemble of 2: their probabilities are averaged');
    expect(JSON.parse(ensemble.stdout).checkpoints).toHaveLength(2);
    const averaged = recap(['evaluate', '--run', run, '--average', '2', '--json']);
    expect(averaged.status).toBe(0);
    expect(averaged.stderr).toMatch(/^mean of 2 checkpoints beside \S+, after steps 24, 16$/m);
    expect(JSON.parse(averaged.stdout).checkpoints).toMatchObject([[{ step: 24 }, { step: 16 }]]);
  });
});

it('recap caption prints a line for each caption of an image, best first, and the same samples for the same seed', () => {
  const lines = (...more: string[]) =>
    recap(['caption', '--checkpoint', run, '--count', '3', ...more]).stdout.trimEnd();
  const beams = lines('--beam', '3', '--nbest', '2').split('\n');
  expect(beams.map((line) => line.slice(0, 8))).toEqual([0, 0, 1, 1, 2, 2].map((image) => `     ${image}  `));
  const samples = lines('--temperature', '2', '--top-k', '9', '--seed', '4');
  expect(lines('--temperature', '2', '--top-k', '9', '--seed', '4', '--set', 'train.workers=1')).toBe(samples);
  expect(lines('--temperature', '2', '--top-k', '9', '--seed', '5')).not.toBe(samples);
});

describe('exit code 2 and one line for', () => {
  it.each([
    [['evaluate'], 'evaluate needs --run FOLDER or --checkpoint FILE'],
    [['evaluate', '--candidates', 'c.json'], '--candidates needs --refs'],
    [['evaluate', '--candidates', 'c.json', '--run', 'RUN'], 'evaluate takes either --candidates'],
    [['evaluate', '--run', 'RUN', '--beam', '0'], 'beam: 0, where a whole number from 1 on is expected.'],
    [['evaluate', '--run', 'RUN', '--beam', '2', '--top-k', '3'], 'beam belongs to beam search and top-k to sampling'],
    [['evaluate', '--run', 'RUN', '--refs', 'COCO'], 'Image 17 is none of the 9 rows of the val features'],
    [['evaluate', '--run', 'RUN', '--refs', 'NAMED'], 'image "a.jpg", where a row of the features is expected'],
    [['evaluate', '--run', 'RUN', '--refs', 'PADDED'], 'image "01", where a row of the features is expected'],
    [['evaluate', '--run', 'RUN', '--split', 'test', '--set', 'data.features=fc7_pca'], 'test2014_vgg16_fc7_pca.h5'],
    [['caption'], 'caption needs --checkpoint'],
    [['caption', '--checkpoint', 'FILE', '--average', '2'], '--average takes the newest checkpoints of runs'],
    [['caption', '--checkpoint', 'RUN', '--min-length', '99'], 'min-length: 99, but captions by'],
  ])('%j', (words, message) => {
    const files: Record<string, string> = {
      RUN: run,
      FILE: join(run, 'checkpoints', 'best.safetensors'),
      COCO: join(runs, 'coco.json'),
      NAMED: join(runs, 'named.json'),
      PADDED: join(runs, 'padded.json'),
    };
    writeFileSync(files.COCO!, JSON.stringify([{ image_idx: 17, captions: ['w5'] }]));
    writeFileSync(files.NAMED!, JSON.stringify([{ image_idx: 'a.jpg', captions: ['w5'] }]));
    writeFileSync(files.PADDED!, JSON.stringify([{ image_idx: '01', captions: ['w5'] }]));
    const { status, stdout, stderr } = recap(words.map((word) => files[word] ?? word));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
