import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configOf } from '../../src/config/load.js';
import { type DataConfig, loadDataset, loadImages } from '../../src/data/dataset.js';
import { UserError } from '../../src/errors.js';
import { describeWith, sharedFile } from '../support/requirements.js';
import {
  type Changes,
  captionTables,
  featureTables,
  temporaryFolder,
  tinyDataset,
  words,
  wordToIdx,
} from './tiny-dataset.js';

describe('Loading a folder in the CS231n layout', () => {
  it('gives captions, images, features and vocabulary, all large things in shared memory', async () => {
    const { train, val, vocabulary } = await loadDataset(await tinyDataset(), 'float32');
    expect(train).toMatchObject({ name: 'train', count: 3, columns: 5, urls: null });
    expect(train.captions).toEqual(captionTables.train_captions!.data);
    expect(train.imageIdxs).toEqual(Int32Array.of(0, 1, 1));
    expect(train.inputs.features).toMatchObject({ rows: 2, columns: 3, data: featureTables().features!.data });
    expect(val).toMatchObject({ name: 'val', count: 2, columns: 5 });
    expect(vocabulary.idxToWord).toEqual(words);
    for (const data of [train.captions, train.imageIdxs, train.inputs.features!.data, val.captions]) {
      expect(data.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
  });

  it('keeps float64 features as they are in float64 only', async () => {
    const features = { features: { data: Float64Array.of(0.1, 0.2, 0.3, 0.4), shape: [2, 2] } };
    const config = await tinyDataset({ 'train2014_vgg16_fc7.h5': features, 'val2014_vgg16_fc7.h5': features });
    expect((await loadDataset(config, 'float64')).train.inputs.features!.data).toEqual(
      Float64Array.of(0.1, 0.2, 0.3, 0.4),
    );
    expect((await loadDataset(config, 'float32')).train.inputs.features!.data).toEqual(
      Float32Array.of(0.1, 0.2, 0.3, 0.4),
    );
  });

  it('reads the PCA features when told to', async () => {
    const pca = { 'train2014_vgg16_fc7_pca.h5': featureTables(2, 1), 'val2014_vgg16_fc7_pca.h5': featureTables(2, 1) };
    const { train } = await loadDataset({ ...(await tinyDataset(pca)), features: 'fc7_pca' }, 'float32');
    expect(train.inputs.features!.columns).toBe(1);
  });

  it('takes only the first captions with trainLimit, and all for validation', async () => {
    const { train, val } = await loadDataset({ ...(await tinyDataset()), trainLimit: 2 }, 'float32');
    expect(train.count).toBe(2);
    expect(train.captions).toHaveLength(10);
    expect(train.imageIdxs).toHaveLength(2);
    expect(val.count).toBe(2);
  });

  it('gives the url of each image, a path as seen from the folder', async () => {
    const config = await tinyDataset({ 'val2014_urls.txt': 'http://example.org/1.jpg\r\nimages/2.png\n' });
    const { val } = await loadDataset(config, 'float32');
    expect(val.urls).toEqual(['http://example.org/1.jpg', `file://${config.dir}/images/2.png`]);
  });

  it('loads features of a split where nothing else is there', async () => {
    const config = await tinyDataset({ 'val2014_urls.txt': 'http://example.org/1\nhttp://example.org/2' });
    for (const name of ['coco2014_captions.h5', 'coco2014_vocab.json', 'train2014_vgg16_fc7.h5']) {
      rmSync(join(config.dir, name));
    }
    const { inputs, urls } = await loadImages(config, 'val', 'float32');
    expect(inputs.features).toMatchObject({ rows: 2, columns: 3 });
    expect(urls).toHaveLength(2);
  });

  it('reads as many images as are wanted, and no more', async () => {
    const data = Float32Array.of(1, 2, 3, Number.NaN, 5, 6);
    const config = await tinyDataset({ 'val2014_vgg16_fc7.h5': { features: { data, shape: [2, 3] } } });
    const { inputs, images } = await loadImages(config, 'val', 'float32', 1);
    expect(inputs.features).toMatchObject({ rows: 1, columns: 3, data: Float32Array.of(1, 2, 3) });
    expect(images).toBe(2);
    await expect(loadImages(config, 'val', 'float32', 2)).rejects.toThrow("'features' has NaN in row 1, column 0");
  });

  it('tells data apart by the checksum, whatever the precision', async () => {
    const checksum = async (changes: Changes = {}, precision: 'float32' | 'float64' = 'float32') =>
      (await loadDataset(await tinyDataset(changes), precision)).checksum;
    const same = await checksum();
    expect(await checksum()).toBe(same);
    expect(await checksum({}, 'float64')).toBe(same);
    const caption = { ...captionTables.train_captions!, data: new Int32Array(15).fill(1) };
    const otherWords = [...words.slice(0, -1), 'cube'];
    const different: Changes[] = [
      { 'coco2014_captions.h5': { ...captionTables, train_captions: caption } },
      { 'train2014_vgg16_fc7.h5': featureTables(3) },
      { 'coco2014_vocab.json': JSON.stringify({ idx_to_word: otherWords, word_to_idx: wordToIdx(otherWords) }) },
    ];
    for (const changes of different) {
      expect(await checksum(changes)).not.toBe(same);
    }
  });
});

describe('A folder that cannot be used is refused in one line that names the file', () => {
  const captions = (tables: Partial<typeof captionTables>) => ({
    'coco2014_captions.h5': { ...captionTables, ...tables } as typeof captionTables,
  });
  const vocab = (value: unknown) => ({ 'coco2014_vocab.json': JSON.stringify(value) });
  const refused: [string, Changes, RegExp][] = [
    [
      'a caption token outside the vocabulary',
      captions({
        val_captions: { data: Int32Array.of(1, 2, 0, 1, 99, 2), shape: [2, 3] },
        train_captions: { data: Int32Array.of(1, 2, 0, 1, 2, 0, 1, 2, 0), shape: [3, 3] },
      }),
      /coco2014_captions\.h5: 'val_captions' has token 99 in row 1, column 1, outside the vocabulary of 7 words/,
    ],
    [
      'a negative token',
      captions({ train_captions: { data: new Int32Array(15).fill(-1), shape: [3, 5] } }),
      /'train_captions' has token -1 in row 0, column 0/,
    ],
    [
      'an image index outside the features',
      captions({ train_image_idxs: { data: Int32Array.of(0, 2, 1), shape: [3] } }),
      /'train_image_idxs' has image 2 at 1, outside the 2 rows of .*train2014_vgg16_fc7\.h5/,
    ],
    [
      'a negative image index',
      captions({ val_image_idxs: { data: Int32Array.of(0, -1), shape: [2] } }),
      /'val_image_idxs' has image -1 at 1/,
    ],
    [
      'fewer image indices than captions',
      captions({ train_image_idxs: { data: Int32Array.of(0, 1), shape: [2] } }),
      /'train_captions' has 3 rows but 'train_image_idxs' has 2/,
    ],
    [
      'a caption without <START>',
      captions({ val_captions: { data: Int32Array.of(1, 4, 2, 0, 0, 5, 6, 2, 0, 0), shape: [2, 5] } }),
      /'val_captions' begins with "red" \(token 5\) in row 1, where <START> \(token 1\) is expected/,
    ],
    [
      'a caption of nothing but <NULL>',
      captions({ val_captions: { data: Int32Array.of(1, 4, 2, 0, 0, 1, 0, 0, 0, 0), shape: [2, 5] } }),
      /'val_captions' has nothing but <NULL> after <START> in row 1/,
    ],
    [
      'captions of different width',
      captions({ val_captions: { data: new Int32Array(8), shape: [2, 4] } }),
      /'train_captions' has 5 columns but 'val_captions' has 4/,
    ],
    [
      'captions too narrow to hold a word',
      captions({
        train_captions: { data: Int32Array.of(1, 1, 1), shape: [3, 1] },
        val_captions: { data: Int32Array.of(1, 1), shape: [2, 1] },
      }),
      /'train_captions' has 1 column; a caption needs/,
    ],
    [
      'features of different width',
      { 'val2014_vgg16_fc7.h5': featureTables(2, 4) },
      /val2014_vgg16_fc7\.h5: features of 4 columns, but .*train2014_vgg16_fc7\.h5 has 3/,
    ],
    ['a list of urls of other images', { 'val2014_urls.txt': 'a\nb\nc\n' }, /val2014_urls\.txt: 3 lines for 2 images/],
    ['a vocabulary that is no JSON', { 'coco2014_vocab.json': '{' }, /coco2014_vocab\.json: not JSON/],
    [
      'a vocabulary that is no text',
      { 'coco2014_vocab.json': Buffer.from([0xff, 0xfe, 0x7b, 0x00]) },
      /coco2014_vocab\.json: not UTF-8 text/,
    ],
    [
      'a vocabulary of brackets without end',
      { 'coco2014_vocab.json': '['.repeat(100_000) + ']'.repeat(100_000) },
      /coco2014_vocab\.json: (not JSON|something nested without end)/,
    ],
    ['a vocabulary that is a list', vocab(words), /where an object with idx_to_word and word_to_idx is expected/],
    ['a vocabulary without words', vocab({ word_to_idx: {} }), /no 'idx_to_word'/],
    ['a vocabulary without ids', vocab({ idx_to_word: words }), /no 'word_to_idx'/],
    [
      'a vocabulary without special tokens',
      vocab({ idx_to_word: ['a', 'b'], word_to_idx: { a: 0, b: 1 } }),
      /idx_to_word: token 0 is "a", where "<NULL>" is expected/,
    ],
    [
      'a word with two ids',
      vocab({ idx_to_word: [...words, 'red'], word_to_idx: wordToIdx(words) }),
      /idx_to_word: "red" is both token 5 and 7/,
    ],
    [
      'two tables of words that disagree',
      vocab({ idx_to_word: words, word_to_idx: { ...wordToIdx(words), red: 6, ball: 5 } }),
      /token 5 is "red" by idx_to_word, but word_to_idx gives that word 6/,
    ],
    [
      'a word that only one table has',
      vocab({ idx_to_word: words, word_to_idx: { ...wordToIdx(words), cube: 7 } }),
      /word_to_idx has "cube", which idx_to_word has not/,
    ],
  ];
  it.each(refused)('%s', async (_, changes, message) => {
    const config = await tinyDataset(changes);
    const error = await loadDataset(config, 'float32').catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(config.dir);
    expect(error.message).not.toContain('\n');
  });

  it.each(['coco2014_captions.h5', 'coco2014_vocab.json', 'train2014_vgg16_fc7.h5', 'val2014_vgg16_fc7.h5'])(
    'without %s',
    async (name) => {
      const config = await tinyDataset();
      rmSync(join(config.dir, name));
      await expect(loadDataset(config, 'float32')).rejects.toThrow(
        new UserError(`${join(config.dir, name)}: no such file.`),
      );
    },
  );

  it('with a vocabulary that is a folder, a pipe, far too large, or a link to itself', async () => {
    const config = await tinyDataset();
    const path = join(config.dir, 'coco2014_vocab.json');
    const refusal = async (message: string) =>
      await expect(loadDataset(config, 'float32')).rejects.toThrow(new UserError(`${path}: ${message}`));
    truncateSync(path, 2 ** 27);
    await refusal('134217728 bytes, where at most 67108864 are expected. Is it the right file?');
    rmSync(path);
    mkdirSync(path);
    await refusal('not a file.');
    rmSync(path, { recursive: true });
    execFileSync('mkfifo', [path]);
    await refusal('not a file.');
    rmSync(path);
    symlinkSync(path, path);
    await refusal('cannot be read (ELOOP).');
  });

  it('that is not there, or is a file', async () => {
    const config = await tinyDataset();
    const at = (dir: string) => loadDataset({ ...config, dir }, 'float32');
    const none = join(config.dir, 'none');
    const what = 'Set data.dir to a folder that holds coco2014_captions.h5, ';
    await expect(at(none)).rejects.toThrow(`${none}: no such folder. ${what}`);
    await expect(at(relative('', none))).rejects.toThrow(`: no such folder (it would be ${none}). ${what}`);
    const pictures = temporaryFolder();
    writeFileSync(join(pictures, '1.jpg'), '');
    await expect(at(pictures)).rejects.toThrow(/none of the files of a data set is there/);
    await expect(at(join(config.dir, 'coco2014_vocab.json'))).rejects.toThrow(/not a folder\. Set data\.dir/);
  });

  it('that the config does not name', async () => {
    const config = { ...(await tinyDataset()), dir: null };
    await expect(loadDataset(config, 'float32')).rejects.toThrow(/data\.dir: not set/);
  });
});

describeWith({ shared: 'data/flickr1k' }, '1,000 real images with five captions each', () => {
  const config: DataConfig = configOf({ data: { dir: sharedFile('data/flickr1k') } }).data;

  it('have the shapes that their description says', async () => {
    const { train, val, vocabulary } = await loadDataset(config, 'float32');
    expect(train).toMatchObject({ count: 4000, columns: 17, inputs: { features: { rows: 800, columns: 2048 } } });
    expect(val).toMatchObject({ count: 1000, columns: 17, inputs: { features: { rows: 200, columns: 2048 } } });
    expect(vocabulary.size).toBe(1186);
    expect(train.urls).toHaveLength(800);
  });

  it('decode to the captions that were tokenised', async () => {
    const { val, vocabulary } = await loadDataset({ ...config, features: 'fc7_pca' }, 'float32');
    const references: { image_idx: number; captions: string[] }[] = JSON.parse(
      readFileSync(sharedFile('data/flickr1k/test_refs.json'), 'utf8'),
    );
    for (const { image_idx: image, captions } of references.slice(0, 50)) {
      const first = val.imageIdxs.indexOf(image);
      captions.forEach((raw, k) => {
        const tokens = (raw.toLowerCase().match(/[a-z0-9']+/g) ?? []).slice(0, 15);
        const known = tokens.map((word) => (vocabulary.idxToWord.includes(word) ? word : '<UNK>')).join(' ');
        const row = first + k;
        expect(vocabulary.decode(val.captions.subarray(row * val.columns, (row + 1) * val.columns))).toBe(known);
      });
    }
  });

  it('spelled in characters read as the words do', async () => {
    const spelled = await loadDataset({ ...config, features: 'fc7_pca', tokens: 'char' }, 'float32');
    const inWords = await loadDataset({ ...config, features: 'fc7_pca' }, 'float32');
    expect(spelled.vocabulary.size).toBeLessThan(50);
    expect(spelled.train.columns).toBe(spelled.val.columns);
    const text = ({ vocabulary, train }: typeof inWords, row: number) =>
      vocabulary.decode(train.captions.subarray(row * train.columns, (row + 1) * train.columns));
    for (let row = 0; row < 4000; row += 41) expect(text(spelled, row)).toBe(text(inWords, row));
  });

  it('are refused when the captions file is cut', async () => {
    const whole = await tinyDataset();
    const bytes = readFileSync(sharedFile('data/flickr1k/coco2014_captions.h5'));
    writeFileSync(join(whole.dir, 'coco2014_captions.h5'), bytes.subarray(0, 200_000));
    await expect(loadDataset(whole, 'float32')).rejects.toThrow(/truncated: 200000 bytes of 364096 are there/);
  });
});
