/** `recap prepare` as a program. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../data/tiny-dataset.js';
import { recap } from '../support/command.js';

let folder: string;
beforeAll(() => {
  folder = temporaryFolder();
  mkdirSync(join(folder, 'photos'));
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(folder, 'photos', `${name}.jpg`), '');
  const captions = ['a.jpg#0\tA dog .', 'a.jpg#1\tA dog runs .', 'b.jpg#0\tA \u001b[2Jdog .', 'x.jpg#0\tA cat .'];
  writeFileSync(join(folder, 'photos', 'captions.txt'), captions.join('\n'));
  writeFileSync(join(folder, 'train.txt'), 'a.jpg\n');
  writeFileSync(join(folder, 'dev.txt'), 'b.jpg\n');
});

describe('recap prepare', () => {
  it('makes a data folder of a folder of images with a captions.txt, and reports what became of it', () => {
    const lists = ['--list', 'train=train.txt', '--list', 'dev=dev.txt'];
    const words = [
      'prepare',
      '--images',
      'photos',
      '--out',
      'data/mine',
      '--min-count',
      '2',
      '--longest',
      '3',
      ...lists,
    ];
    const { status, stdout, stderr } = recap(words, folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'captions    photos/captions.txt (Flickr tokens)',
      'splits      as the lists say',
      'vocabulary  V = 6 with the 4 special tokens, of 3 distinct words in the training captions',
      'missing     1 image is not there, left out with 1 caption: x.jpg (photos/captions.txt:4)',
      '',
      '         images   captions       words   unknown               cut',
      'train         1          2           5         1 (20.0%)         0  (0.0%)',
      'val           1          1           2         1 (50.0%)         0  (0.0%)',
      '',
      '  a.jpg  A dog .',
      '         <START> a dog <END> <NULL>',
      '',
      'Made data/mine. Compute features of its images by a network in ONNX (--model FILE), or without one:',
      '  npx recap features --data data/mine --builtin',
      '',
    ]);
    expect(readdirSync(join(folder, 'data', 'mine')).sort()).toEqual(
      [
        ...['coco2014_captions.h5', 'coco2014_vocab.json', 'train2014_images.txt', 'train2014_urls.txt'],
        ...['train_refs.json', 'val2014_images.txt', 'val2014_urls.txt', 'val_refs.json'],
      ].sort(),
    );
  });

  it.each([
    [['--out', '.'], '--out .: a folder with something in it is there'],
    [['--captions', 'none.csv'], 'none.csv: no such file.'],
    [['--min-count', '0'], '--min-count: found 0, expected a whole number from 1 on.'],
    [['--longest', '5000'], '--longest: found 5000, expected at most 4095.'],
    [['--val', '1.5'], '--val: found 1.5, expected a share of the images from 0 to below 1.'],
    [['--seed', '1.5'], '--seed: found 1.5, expected a whole number.'],
    [['--list', 'train.txt'], '--list train.txt: expected SPLIT=FILE, such as'],
    [['--list', 'all=train.txt'], '--list all=train.txt: split "all", where train, val or test is expected'],
    [['--list', 'train=train.txt', '--test', '0.1'], '--test is for splits that are drawn, but --list tells them.'],
    [['--tokens', 'letters'], 'Invalid values: Argument: tokens'],
  ])('with %j ends with exit code 2 and one line on stderr', (more, message) => {
    const out = more.includes('--out') ? [] : ['--out', 'new'];
    const { status, stdout, stderr } = recap(['prepare', '--images', 'photos', ...out, ...more], folder);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`recap: ${message}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
