/** Images and captions made a data folder. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configOf } from '../../../src/config/load.js';
import { type Dataset, loadDataset } from '../../../src/data/dataset.js';
import { type PrepareOptions, prepare } from '../../../src/data/prepare/prepare.js';
import { latinWords, plainWords } from '../../../src/data/word-tokens.js';
import { UserError } from '../../../src/errors.js';
import { readReferences } from '../../../src/evaluation/caption-files.js';
import { describeWith, pythonWithH5py, sharedFile } from '../../support/requirements.js';
import { featureTables, temporaryFolder, writeHdf5 } from '../tiny-dataset.js';

const csv = `image,caption,split
a.jpg,A dog runs.,train
b.jpg,"The dog, a big one, runs and runs.",train
c.jpg,A cat.,val
a.jpg,"A dog's ball, a dog.",train
d.jpg,Two cats!,test
`;

/** Files by name, images without content, and what prepares them. */
function given(files: Readonly<Record<string, string>>, images = ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'images'));
  for (const name of images) writeFileSync(join(folder, 'images', name), '');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const out = join(folder, 'new', 'out');
  const run = (options: Partial<PrepareOptions> = {}) =>
    prepare({
      captions: Object.keys(files).map((name) => join(folder, name)),
      images: [join(folder, 'images')],
      out,
      tokenise: plainWords,
      minCount: 2,
      longest: 5,
      lists: [],
      random: {},
      ...options,
    });
  return { folder, out, run };
}

const lines = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n');

/** Adds features, by which the folder is a whole data set, and loads it. */
async function load(dir: string, counts: Readonly<Record<string, number>> = { train: 2, val: 1 }) {
  for (const [split, images] of Object.entries(counts)) {
    await writeHdf5(join(dir, `${split}2014_vgg16_fc7.h5`), featureTables(images));
  }
  return await loadFolder(dir);
}

function loadFolder(dir: string): Promise<Dataset> {
  return loadDataset(configOf({ data: { dir } }).data, 'float32');
}

describe('A prepared folder', () => {
  it('loads as a data set in CS231n’s layout, captions by image', async () => {
    const { folder, out, run } = given({ 'c.csv': csv });
    await run();
    const { train, val, vocabulary } = await load(out);
    // "dog" four times in the training captions, "a" likewise, "runs" three times, "dogs" (of dog's) once.
    expect(vocabulary.idxToWord).toEqual(['<NULL>', '<START>', '<END>', '<UNK>', 'a', 'dog', 'runs']);
    expect(train).toMatchObject({ count: 3, columns: 7 });
    expect([...train.imageIdxs]).toEqual([0, 0, 1]);
    expect([...train.captions]).toEqual(
      [
        [1, 4, 5, 6, 2, 0, 0],
        [1, 4, 3, 3, 4, 5, 2],
        // "the dog a big one", cut after five words.
        [1, 3, 5, 4, 3, 3, 2],
      ].flat(),
    );
    expect([...val.captions]).toEqual([1, 4, 3, 2, 0, 0, 0]);
    expect(train.urls).toEqual(['a.jpg', 'b.jpg'].map((name) => pathToFileURL(join(folder, 'images', name)).href));
  });

  it('lists the files of its images in the order of their rows', async () => {
    const { folder, out, run } = given({ 'c.csv': csv });
    await run();
    const path = (name: string) => join(folder, 'images', name);
    expect(lines(join(out, 'train2014_images.txt'))).toEqual([path('a.jpg'), path('b.jpg')]);
    expect(lines(join(out, 'test2014_images.txt'))).toEqual([path('d.jpg')]);
  });

  it('has the captions as people wrote them, as references for scores', async () => {
    const { out, run } = given({ 'c.csv': csv });
    await run();
    const { images } = readReferences(join(out, 'train_refs.json'));
    expect(images).toEqual([
      { image: 0, file: 'a.jpg', captions: ['A dog runs.', "A dog's ball, a dog."] },
      { image: 1, file: 'b.jpg', captions: ['The dog, a big one, runs and runs.'] },
    ]);
  });

  it('takes words by another tokeniser', async () => {
    const { out, run } = given({ 'c.csv': csv });
    await run({ tokenise: latinWords, minCount: 1 });
    expect((await load(out)).vocabulary.idxToWord).toContain("dog's");
  });

  it('appears whole or not at all, in no place where something is', async () => {
    const { folder, out, run } = given({ 'c.csv': csv });
    await expect(run({ minCount: 100 })).rejects.toThrow('--min-count 100: no word comes that often');
    expect(readdirSync(folder).sort()).toEqual(['c.csv', 'images']);
    mkdirSync(out, { recursive: true });
    await run();
    expect(readdirSync(join(folder, 'new'))).toEqual(['out']);
    await expect(run()).rejects.toThrow(`--out ${out}: a folder with something in it is there`);
    await expect(run({ out: join(folder, 'c.csv') })).rejects.toThrow('c.csv: a file is there');
    await expect(run({ out: join(folder, 'c.csv', 'x') })).rejects.toThrow('x cannot be written: ENOTDIR');
  });
});

describeWith({ h5py: true }, 'The course’s own code', () => {
  it('opens a prepared folder', async () => {
    const { out, run } = given({ 'c.csv': csv });
    await run();
    await load(out);
    // load_coco_data of cs231n/coco_utils.py, and what the course then does with the arrays.
    const script = `
import h5py, json, sys, numpy as np
base, data = sys.argv[1] + '/', {}
with h5py.File(base + 'coco2014_captions.h5', 'r') as f:
    for k, v in f.items(): data[k] = np.asarray(v)
for split in 'train', 'val':
    with h5py.File(base + split + '2014_vgg16_fc7.h5', 'r') as f: data[split + '_features'] = np.asarray(f['features'])
    with open(base + split + '2014_urls.txt', 'r') as f: data[split + '_urls'] = np.asarray([line.strip() for line in f])
with open(base + 'coco2014_vocab.json', 'r') as f:
    for k, v in json.load(f).items(): data[k] = v
mask = np.random.choice(data['train_captions'].shape[0], 2)
data['train_features'][data['train_image_idxs'][mask]], data['train_urls'][data['train_image_idxs'][mask]]
words = [data['idx_to_word'][i] for i in data['val_captions'][0]]
print(json.dumps({'words': words, 'same': all(data['word_to_idx'][w] == i for i, w in enumerate(data['idx_to_word'])),
                  **{k: [str(data[k].dtype), *data[k].shape] for k in sorted(data) if 'captions' in k or 'idxs' in k}}))
`;
    expect(JSON.parse(execFileSync(pythonWithH5py()!, ['-c', script, out], { encoding: 'utf8' }))).toEqual({
      words: ['<START>', 'a', '<UNK>', '<END>', '<NULL>', '<NULL>', '<NULL>'],
      same: true,
      train_captions: ['int32', 3, 7],
      train_image_idxs: ['int32', 3],
      val_captions: ['int32', 1, 7],
      val_image_idxs: ['int32', 1],
      test_captions: ['int32', 1, 7],
      test_image_idxs: ['int32', 1],
    });
  });
});

describeWith({ shared: 'data/flickr1k' }, 'Captions of 1,000 images of Flickr8k', () => {
  it('become the vocabulary and tables that another program has made of them', async () => {
    const dir = sharedFile('data/flickr1k');
    const splits = { train: 'train_refs.json', val: 'test_refs.json' };
    const entries = Object.entries(splits).flatMap(([split, name]) =>
      readReferences(join(dir, name)).images.flatMap(({ file, captions }) =>
        captions.map((caption) => ({ image: file!, caption, split })),
      ),
    );
    const jsonLines = entries.map((entry) => JSON.stringify(entry)).join('\n');
    const { out, run } = given({ 'c.jsonl': jsonLines }, [...new Set(entries.map(({ image }) => image))]);
    await run({ tokenise: latinWords, minCount: 3, longest: 15 });
    const [made, theirs] = [await load(out, { train: 800, val: 200 }), await loadFolder(dir)];
    expect(made.vocabulary).toEqual(theirs.vocabulary);
    for (const split of ['train', 'val'] as const) {
      expect(made[split].captions).toEqual(theirs[split].captions);
      expect(made[split].imageIdxs).toEqual(theirs[split].imageIdxs);
    }
  });
});

describe('The report of what was prepared', () => {
  it('counts captions, words, unknown words and captions that were cut', async () => {
    const report = await given({ 'c.csv': csv }).run();
    expect(report).toMatchObject({ splitsFrom: 'captions', vocabulary: 7, distinctWords: 9 });
    expect(report.splits).toEqual([
      { name: 'train', images: 2, captions: 3, words: 13, unknown: 5, cut: 1 },
      { name: 'val', images: 1, captions: 1, words: 2, unknown: 1, cut: 0 },
      { name: 'test', images: 1, captions: 1, words: 2, unknown: 2, cut: 0 },
    ]);
    expect(report.samples[0]).toEqual({
      image: 'a.jpg',
      caption: 'A dog runs.',
      row: '<START> a dog runs <END> <NULL> <NULL>',
    });
  });

  it('counts what is left out or double, with its places', async () => {
    const more = `${csv}x.jpg,Nobody saw it.,train\nx.jpg,Gone.,train\na.jpg,?!,train\na.jpg,A dog runs.,train\n./a.jpg,So.,train\n`;
    const { folder, run } = given({ 'c.csv': more });
    const path = join(folder, 'c.csv');
    const report = await run();
    expect(report.missingImages).toMatchObject({ count: 1, examples: [`x.jpg (${path}:7)`] });
    expect(report.captionsOfMissing).toBe(2);
    expect(report.wordless).toMatchObject({ count: 1, examples: [`${path}:9: "?!"`] });
    expect(report.repeatedCaptions).toBe(1);
    expect(report.splits[0]).toMatchObject({ images: 2, captions: 5 });
  });
});

describe('Splits', () => {
  const names = Array.from({ length: 20 }, (_, i) => `${i}.jpg`);
  const captions = `image,caption\n${names.map((name) => `${name},a dog\n${name},a cat\n`).join('')}`;
  const imagesOf = (out: string, split: string) => lines(join(out, `${split}2014_images.txt`));

  it('are drawn by image where nothing tells them, the same for a seed', async () => {
    const draws = await Promise.all(
      [231, 231, 7].map(async (seed) => {
        const { folder, out, run } = given({ 'c.csv': captions }, names);
        const { splits, splitsFrom } = await run({ random: { val: 0.2, test: 0.1, seed } });
        expect(splitsFrom).toBe('drawn');
        expect(splits.map((split) => [split.name, split.images, split.captions])).toEqual([
          ['train', 14, 28],
          ['val', 4, 8],
          ['test', 2, 4],
        ]);
        return imagesOf(out, 'val').map((path) => path.slice(folder.length));
      }),
    );
    expect(draws[0]).toEqual(draws[1]);
    expect(draws[0]).not.toEqual(draws[2]);
  });

  it('come from lists of images, with or without the ending of their files', async () => {
    const { folder, out, run } = given({ 'c.csv': captions }, names);
    const list = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const report = await run({
      lists: [
        { split: 'train', path: list('train.txt', '3.jpg\n1.jpg\n') },
        { split: 'val', path: list('dev.txt', '2\r\n30\r\n') },
      ],
    });
    expect(report).toMatchObject({ splitsFrom: 'lists', unlistedImages: 17, listedWithoutCaptions: 1 });
    expect(imagesOf(out, 'train').map((path) => path.slice(-5))).toEqual(['1.jpg', '3.jpg']);
    expect(imagesOf(out, 'val').map((path) => path.slice(-5))).toEqual(['2.jpg']);
    expect(existsSync(join(out, 'test2014_images.txt'))).toBe(false);
    const twice = [
      { split: 'train', path: list('train.txt', '3.jpg\n1.jpg\n') },
      { split: 'test', path: list('test.txt', '5.jpg\n1.jpg\n') },
    ] as const;
    await expect(run({ out: join(folder, 'b'), lists: twice })).rejects.toThrow(
      'test.txt:2: "1.jpg" is in the list of train too. An image belongs to one split.',
    );
  });

  it('come from the names of several files', async () => {
    const { out, run } = given({
      'train.csv': 'image,caption\na.jpg,a dog\n',
      'val.jsonl': '{"image":"b.jpg","caption":"a dog"}',
    });
    await run({ minCount: 1 });
    expect(imagesOf(out, 'val')[0]).toMatch(/b\.jpg$/);
  });

  it('may lie in several folders', async () => {
    const { folder, out, run } = given({ 'c.csv': csv });
    mkdirSync(join(folder, 'more'));
    writeFileSync(join(folder, 'more', 'e.jpg'), '');
    writeFileSync(join(folder, 'c.csv'), `${csv}e.jpg,A dog.,train\n`);
    await run({ images: [join(folder, 'images'), join(folder, 'more')] });
    expect(imagesOf(out, 'train').at(-1)).toBe(join(folder, 'more', 'e.jpg'));
  });
});

describe('What cannot be prepared is refused', () => {
  const rows = (...rows: string[]) => ['image,caption,split', ...rows].join('\n');

  it.each([
    [rows('x.jpg,A dog,train', 'y.jpg,A dog,train'), {}, /none of the 2 images is in .*images, such as x.jpg \(.*:2\)/],
    [rows('a.jpg,?,train'), {}, /none of the 1 captions has a word; the first is .*:2: "\?"/],
    ['image,caption\n', {}, /c: no captions\./],
    [
      rows('a.jpg,A dog,val', 'b.jpg,A dog,test'),
      {},
      /no image of the training split, only 1 of val, 1 of test\. Give some/,
    ],
    [rows('a.jpg,A dog,train', 'a.jpg,A dog,val'), {}, /c:3: "a.jpg" is in val here, and in train before/],
    [rows('a.jpg,A dog,train', 'b.jpg,A dog,'), {}, /c:3: "b.jpg" has no split, unlike the captions before it/],
    [rows('a.jpg,A dog,', 'b.jpg,A dog,val'), {}, /c:3: "b.jpg" has a split, unlike/],
    [rows('"a\nb.jpg",A dog,train'), {}, /c:3: the image name "a\\nb.jpg" has a line break/],
    [
      rows('a.jpg,A dog,train'),
      { random: { val: 0.5 } },
      /--val is for splits that are drawn, but the captions tell them/,
    ],
    [
      rows('a.jpg,A dog,'),
      { random: { val: 0.9 } },
      /no image of the training split, only 1 of val\. Give lower shares/,
    ],
    [rows('a.jpg,A dog,train'), { images: ['/none'] }, /--images \/none: no such folder/],
    [rows('a.jpg,A dog,train'), { captions: ['none.csv'] }, /none\.csv: no such file/],
    [rows('a.jpg,A dog,train'), { captions: ['src'] }, /src: a folder, where a file of captions is expected/],
    [rows('a.jpg,A dog,train'), { lists: [{ split: 'train', path: 'x' }] }, /--list: the captions tell the splits/],
  ] as [string, Partial<PrepareOptions>, RegExp][])('%j with %j', async (text, options, message) => {
    const { folder, run } = given({ c: text });
    const error = await run(options).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });

  it('says of a text in another encoding that it is not UTF-8', async () => {
    const { folder, run } = given({ c: '' });
    writeFileSync(join(folder, 'c'), Buffer.from('image,caption\na.jpg,Un caf\xe9\n', 'latin1'));
    await expect(run()).rejects.toThrow('c: not UTF-8 text. Save it in that encoding.');
  });
});
