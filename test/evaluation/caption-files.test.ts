import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { readCandidates, readReferences } from '../../src/evaluation/caption-files.js';
import { scoreCaptions } from '../../src/evaluation/score-captions.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-captions-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: unknown): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const listed = [
  { image_idx: 0, file: 'a.jpg', captions: ['A dog runs.', 'A brown dog.'] },
  { image_idx: 1, file: 'b.jpg', captions: ['Two men.'] },
];
const annotations = {
  info: {},
  images: [
    { id: 0, file_name: 'a.jpg' },
    { id: 1, file_name: 'b.jpg' },
  ],
  annotations: [
    { id: 7, image_id: 0, caption: 'A dog runs.' },
    { id: 8, image_id: 1, caption: 'Two men.' },
    { id: 9, image_id: 0, caption: 'A brown dog.' },
  ],
};
const results = [
  { image_id: 1, caption: 'men swim' },
  { image_id: 0, caption: 'a dog' },
];

describe('files of captions', () => {
  it('give the same images as COCO annotations and as a list', () => {
    const { images } = readReferences(file(listed));
    expect(readReferences(file(annotations)).images).toEqual(images);
    expect(images[0]).toEqual({ image: 0, file: 'a.jpg', captions: ['A dog runs.', 'A brown dog.'] });
  });

  it('may be annotations without a list of images', () => {
    const { images } = readReferences(file({ annotations: annotations.annotations }));
    expect(images.map(({ image, file: name, captions }) => [image, name, captions.length])).toEqual([
      [0, null, 2],
      [1, null, 1],
    ]);
  });

  it('are refused where they are something else', () => {
    const message = (read: (path: string) => unknown, content: unknown): string => {
      const path = file(content);
      try {
        read(path);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        return (error as Error).message.replace(path, 'FILE');
      }
      return 'no error';
    };
    expect(message(readCandidates, '[{')).toMatch(/^FILE: not JSON \(/);
    expect(message(readCandidates, { a: 1 })).toBe(
      'FILE: {"a":1}, where a list of {image_id, caption} is expected, COCO\'s results format.',
    );
    const shape = 'where {"image_id": 1, "caption": "…"} is expected.';
    for (const entry of [
      5,
      null,
      {},
      { image_id: 1 },
      { image_id: 1.5, caption: 'a' },
      { image_id: 1, caption: ['a'] },
    ]) {
      expect(message(readCandidates, [...results, entry])).toBe(`FILE: entry 2 is ${JSON.stringify(entry)}, ${shape}`);
    }
    expect(message(readReferences, { images: [] })).toBe(
      'FILE: {"images":[]}, where references are expected: COCO annotations, {"annotations": […]}, or a list of {image_idx, captions}.',
    );
    expect(message(readReferences, [{ image_idx: 0, captions: 'a' }])).toBe(
      'FILE: entry 0 is {"image_idx":0,"captions":"a"}, where {"image_idx": 0, "file": "…", "captions": ["…", …]} is expected.',
    );
    expect(message(readReferences, { annotations: [{ image_id: 1 }] })).toBe(
      `FILE: annotations, entry 0 is {"image_id":1}, ${shape}`,
    );
    expect(message(readReferences, { annotations: [], images: [{ file_name: 'a' }] })).toBe(
      'FILE: images, entry 0 is {"file_name":"a"}, where {"id": 1, "file_name": "…"} is expected.',
    );
  });
});

describe('candidates and references', () => {
  const failure = async (candidates: unknown, references: unknown, idf?: unknown): Promise<string> => {
    const [c, r] = [file(candidates), file(references)];
    const i = idf === undefined ? undefined : file(idf);
    const options = i === undefined ? {} : { idf: readReferences(i) };
    const error = await scoreCaptions(readCandidates(c), readReferences(r), options).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    return error.message
      .replaceAll(c, 'CANDIDATES')
      .replaceAll(r, 'REFS')
      .replaceAll(i ?? '-', 'IDF');
  };

  it('are matched by image, 12 being the same as "12"', async () => {
    const candidates = readCandidates(file(results.map((each) => ({ ...each, image_id: String(each.image_id) }))));
    const { perImage } = await scoreCaptions(candidates, readReferences(file(listed)), { resamples: 0 });
    expect(perImage.map(({ file: name, caption }) => [name, caption])).toEqual([
      ['a.jpg', 'a dog'],
      ['b.jpg', 'men swim'],
    ]);
  });

  it('are refused unless every image has one candidate and some references', async () => {
    expect(await failure([...results, { image_id: 7, caption: 'a' }], listed)).toBe(
      'CANDIDATES: entry 2 is of image 7, which has no references in REFS (1 of 3 entries). Take both from the same images.',
    );
    expect(await failure(results.slice(0, 1), listed)).toBe(
      'CANDIDATES: no caption of image 0, which is entry 0 of REFS (1 of 2 images). Caption every image, or leave it out there.',
    );
    expect(await failure([...results, results[0]], listed)).toBe(
      'CANDIDATES: entries 0 and 2 are both of image 1; each image has one.',
    );
    expect(await failure(results, [...listed, listed[1]])).toBe(
      'REFS: entries 1 and 2 are both of image 1; each image has one.',
    );
    expect(await failure(results, [listed[0], { ...listed[1], captions: [] }])).toBe(
      'REFS: image 1, entry 1, has no captions; expected one or more.',
    );
    expect(await failure([], listed)).toBe('CANDIDATES: holds no captions.');
    expect(await failure(results, [])).toBe('REFS: holds no captions.');
    expect(await failure(results, listed, { annotations: [] })).toBe('IDF: holds no captions.');
  });
});
