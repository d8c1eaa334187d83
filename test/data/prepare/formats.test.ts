/** Each format of captions, read from texts that are cut anywhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CaptionEntry, CaptionSink } from '../../../src/data/prepare/caption-entry.js';
import { recognise } from '../../../src/data/prepare/recognise.js';
import { splitOfFileName } from '../../../src/data/prepare/split-words.js';
import type { TextSource } from '../../../src/data/prepare/text-source.js';
import { UserError } from '../../../src/errors.js';

type Written = Omit<CaptionEntry, 'at'>;

/** A text that comes in pieces of so many bytes. */
function source(text: string, pieceBytes = 7): TextSource {
  const bytes = Buffer.from(text);
  return {
    path: 'c',
    async *chunks() {
      // The first piece is long enough to tell the format by, as that of a file is.
      for (let at = 0, size = 4096; at < bytes.length; at += size, size = pieceBytes) {
        yield bytes.subarray(at, at + size);
      }
    },
  };
}

async function read(file: TextSource) {
  const entries: CaptionEntry[] = [];
  const twice: string[] = [];
  const words: string[] = [];
  const sink: CaptionSink = {
    caption: (entry) => entries.push(entry),
    listedTwice: (image) => twice.push(image),
    splitTaken: (word, split) => words.push(`${word}=${split}`),
  };
  const format = await recognise(file);
  await format.read(file, sink);
  return { format: format.name, entries, twice, words };
}

const plain = ({ image, caption, split }: CaptionEntry): Written => ({ image, caption, split });

const csvField = (text: string) => `"${text.replaceAll('"', '""')}"`;

/** Captions by image, as COCO and Karpathy list them. */
function byImage(entries: readonly Written[]): Map<string, Written[]> {
  const images = new Map<string, Written[]>();
  for (const entry of entries) images.set(entry.image, [...(images.get(entry.image) ?? []), entry]);
  return images;
}

const writers: Record<string, (entries: readonly Written[]) => string> = {
  CSV: (entries) =>
    ['split,image,caption', ...entries.map((e) => [e.split!, e.image, csvField(e.caption)].join(','))].join('\r\n'),
  'JSON Lines': (entries) => entries.map((entry) => JSON.stringify(entry)).join('\n'),
  "Karpathy's splits": (entries) =>
    JSON.stringify({
      images: [...byImage(entries)].map(([filename, its]) => ({
        filename,
        split: its[0]!.split,
        sentences: its.map(({ caption: raw }) => ({ raw, tokens: [] })),
      })),
      dataset: 'x',
    }),
  'COCO annotations': (entries) => {
    const files = [...byImage(entries).keys()];
    const annotations = entries.map(({ image, caption }) => ({ image_id: 7 + files.indexOf(image), caption }));
    return JSON.stringify({ info: {}, images: files.map((file_name, i) => ({ id: 7 + i, file_name })), annotations });
  },
  'COCO annotations, before the images': (entries) => {
    const { images, annotations } = JSON.parse(writers['COCO annotations']!(entries));
    return JSON.stringify({ annotations, images });
  },
};
/** One line a caption, so without line breaks. */
const lineWriters: Record<string, (entries: readonly Written[]) => string> = {
  'Flickr tokens': (entries) => entries.map(({ image, caption }, i) => `${image}#${i}\t${caption}\n`).join(''),
  'lines of image and caption': (entries) => entries.map(({ image, caption }) => `${image}\t${caption}`).join('\n'),
};

const split = fc.constantFrom('train' as const, 'val' as const, 'test' as const);
const entriesOf = (caption: fc.Arbitrary<string>) =>
  fc
    .array(fc.record({ image: fc.integer({ min: 0, max: 3 }), caption }), { minLength: 1, maxLength: 8 })
    .chain((entries) =>
      fc.array(split, { minLength: 4, maxLength: 4 }).map((splits) =>
        // The captions of an image one after another, as lists by image have them.
        entries
          .sort((a, b) => a.image - b.image)
          .map(({ image, caption }): Written => ({ image: `im ${image}.jpg`, caption, split: splits[image]! })),
      ),
    );
const anyText = fc.string({ unit: 'grapheme', maxLength: 30 });
const anyLine = anyText.map((text) => text.replaceAll(/\s+/g, ' ').trim());

describe('Captions in any format are those that were written', () => {
  const hasSplits = (format: string) => !format.startsWith('COCO');

  it.each(Object.keys(writers))('%s', async (format) => {
    await fc.assert(
      fc.asyncProperty(entriesOf(anyText), fc.integer({ min: 1, max: 20 }), async (entries, pieceBytes) => {
        const found = await read(source(writers[format]!(entries), pieceBytes));
        expect(format).toContain(found.format);
        const expected = hasSplits(format) ? entries : entries.map((entry) => ({ ...entry, split: null }));
        expect(found.entries.map(plain)).toEqual(expected);
      }),
      { seed: 231, numRuns: 50 },
    );
  });

  it.each(Object.keys(lineWriters))('%s', async (format) => {
    await fc.assert(
      fc.asyncProperty(entriesOf(anyLine), fc.integer({ min: 1, max: 20 }), async (entries, pieceBytes) => {
        const found = await read(source(lineWriters[format]!(entries), pieceBytes));
        expect(found.format).toBe(format);
        expect(found.entries.map(plain)).toEqual(entries.map((entry) => ({ ...entry, split: null })));
      }),
      { seed: 231, numRuns: 50 },
    );
  });
});

describe('A format is recognised by what a file begins with', () => {
  it.each([
    ['image,caption\na.jpg,A dog .\n', 'CSV'],
    ['\ufeffCaption; Image\r\nA dog .;a.jpg\r\n', 'CSV'],
    ['"image"\t"caption"\na.jpg\tA dog .\n', 'CSV'],
    ['\ufeff{"image": "a.jpg", "caption": "A dog ."}\n\n', 'JSON Lines'],
    [
      '\ufeff{"images":[{"id":1,"file_name":"a."}],"annotations":[{"image_id":1,"caption":"A dog ."}]}',
      'COCO annotations',
    ],
    ['a.jpg#0\tA dog .\n', 'Flickr tokens'],
    ['\n\na.jpg, A dog .\n', 'lines of image and caption'],
    ['a.jpg| A dog .\n', 'lines of image and caption'],
    ['a.png A dog .\n', 'lines of image and caption'],
  ])('%j', async (text, format) => {
    const found = await read(source(text));
    expect(found.format).toBe(format);
    expect(found.entries.map(({ image, caption }) => [image.slice(0, 2), caption])).toEqual([['a.', 'A dog .']]);
  });

  it('takes dev for val and restval for train, and says so', async () => {
    const { entries, words } = await read(source('image,caption,split\na,x,dev\nb,x,restval\nc,x,val\nd,x,\n'));
    expect(entries.map(({ split }) => split)).toEqual(['val', 'train', 'val', null]);
    expect(words).toEqual(['dev=val', 'restval=train']);
  });

  it('finds the folder of an image in Karpathy’s COCO, and images that are listed twice', async () => {
    const image = { filepath: 'val2014', filename: 'a.jpg', split: 'restval', sentences: [{ raw: 'A dog.' }] };
    const { entries, twice } = await read(source(JSON.stringify({ images: [image, image] })));
    expect(entries.map((entry) => entry.image)).toEqual(['val2014/a.jpg', 'val2014/a.jpg']);
    expect(twice).toEqual(['val2014/a.jpg']);
  });
});

describe('A split is told by a file’s name', () => {
  it.each([
    ['captions_train2014.json', 'train'],
    ['x/captions_val2017.json', 'val'],
    ['dev.csv', 'val'],
    ['latest.csv', null],
    ['train-and-val.csv', null],
    ['train/captions.csv', null],
  ])('%s: %s', (path, expected) => {
    expect(splitOfFileName(path)).toBe(expected);
  });
});

describe('What cannot be read is named with its place', () => {
  it.each([
    ['', 'c: no captions; the file is empty.'],
    ['{"images": [{"id": x', 'c: not JSON (unexpected character at byte 19).'],
    ['[1, 2]', 'c: it begins with "[1, 2]", where captions are expected: COCO'],
    ['file,text\na.jpg,A dog\n', 'c: it begins with "file,text", where captions are expected: COCO'],
    ['image,caption\na.jpg,A dog, running\n', 'c:2: ["a.jpg","A dog"," running"] has 3 fields, where the header'],
    ['image,caption\na.jpg,A dog\nb.jpg\n', 'c:3: ["b.jpg"] has 1 fields'],
    ['image,caption\na.jpg,A "big" dog\n', 'c:2: a quote in the midst of a field.'],
    ['image,caption\na.jpg,x\nb.jpg,"A dog\n', 'c: the quote that opens in row 2 after the header never ends.'],
    ['image,caption,caption\na.jpg,x,y\n', 'c:1: 2 columns are called caption; one is expected.'],
    ['image,caption,split\na.jpg,x,trian\n', 'c:2: split "trian", where train, val or test is expected'],
    [
      '{"image": "a", "caption": "x"}\n{"image": "b", "capt',
      'c:2: "{\\"image\\": \\"b\\", \\"capt", where a JSON object',
    ],
    ['{"image": "a", "caption": "x"}\n{"image": "b"}\n', 'c:2: {"image":"b"}, where {"image": "…", "caption": "…"}'],
    ['{"image": "a", "caption": 3}\n', 'c:1: {"image":"a","caption":3}, where'],
    [
      'a.jpg#0\tA dog .\nb.jpg A dog .\n',
      'c:2: "b.jpg A dog .", where "image.jpg#0", a tab and the caption is expected.',
    ],
    ['a.jpg\tA dog .\nno image here\n', 'c:2: "no image here", where an image file'],
    [
      '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1}]}',
      'c: annotations, entry 0 is {"image_id":1}',
    ],
    [
      '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 2, "caption": "x"}]}',
      'entry 0 is of image 2, which is none of',
    ],
    ['{"images": [{"id": 1}], "annotations": []}', 'c: images, entry 0 is {"id":1}, where {"id": 1, "file_name": "…"}'],
    ['{"images": [{"id": 1, "file_name": "a"}], "annotations": [{', 'c: not JSON (it ends before it is complete).'],
    ['{"images": [{"id": 1, "file_name": "a"} "annotations": [', 'c: not JSON (unexpected "annotations").'],
    [
      '{"images": [{"sentences": [{"tokens": []}], "filename": "a", "split": "train"}]}',
      'entry 0 has the sentence {"tokens":[]}',
    ],
    ['{"images": [{"sentences": [], "filename": "a"}]}', 'c: images, entry 0: split missing, where train, val or test'],
    ['{"images": [{"sentids": [1]}]}', 'c: images, entry 0 is {"sentids":[1]}, where {"filename": "…"'],
  ])('%j', async (text, message) => {
    const error = await read(source(text)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(message);
  });
});
