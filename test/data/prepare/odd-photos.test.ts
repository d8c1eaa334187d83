/** Photos as people have them: of any format, by any name, in folders within folders. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { extractFeatures } from '../../../src/data/extract-features.js';
import { prepare } from '../../../src/data/prepare/prepare.js';
import { openBuiltIn } from '../../../src/features/extractor.js';
import { captionPhotos } from '../../../src/training/loop/caption-photos.js';
import { startRun } from '../../../src/training/run/train.js';
import { image, pattern } from '../../features/photos.js';
import { bestCheckpoint, smallConfig, temporaryFolder } from '../../training/runs.js';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** By their names on the disk, with the name by which the captions call them where that is another. */
const photos: readonly (readonly [onDisk: string, inCaptions?: string])[] = [
  ['Ferien am See/Bild 1.PNG'],
  ['Ferien am See/tiefer/über uns.WebP'],
  ['ÉTÉ (2).JPEG'],
  ['照片.jpg'],
  ['a, "b" & c;.png'],
  ["it's 100%41.tiff"],
  ['-dash.gif'],
  ['#1?x=y.avif'],
  ['without an ending'],
  // As macOS writes it, and as others do.
  ['cafe\u0301.jpg', 'caf\u00e9.jpg'],
  ['zoo/ape.png', 'zoo\\ape.png'],
];

async function writePhoto(name: string, i: number): Promise<void> {
  const path = join(folder, 'photos', name);
  mkdirSync(dirname(path), { recursive: true });
  const ending = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? 'png';
  const pixels = pattern(40, 30).map((value) => (value * (i + 1)) % 256);
  writeFileSync(
    path,
    await image(40, 30, pixels)
      .toFormat(ending as 'png')
      .toBuffer(),
  );
}

it('photos of any name and format go from a folder to captions', async () => {
  for (const [i, [name]] of photos.entries()) await writePhoto(name, i);
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const rows = photos.map(
    ([name, written = name], i) => `${quoted(written)},photo number ${i},${i < 8 ? 'train' : 'val'}`,
  );
  const captions = join(folder, 'captions.csv');
  writeFileSync(captions, ['image,caption,split', ...rows, ''].join('\r\n'));
  const data = join(folder, 'data');
  const report = await prepare({ captions: [captions], images: [join(folder, 'photos')], out: data, minCount: 1 });
  expect(report.missingImages.count).toBe(0);
  const listed = ['train', 'val'].flatMap((split) =>
    readFileSync(join(data, `${split}2014_images.txt`), 'utf8')
      .trimEnd()
      .split('\n'),
  );
  expect(listed).toEqual(photos.map(([name]) => join(folder, 'photos', name)));
  const { images } = await extractFeatures(data, await openBuiltIn());
  expect(images).toEqual({ train: 8, val: 3 });
  await startRun(smallConfig(data, ['train.epochs=1']), join(folder, 'run'), {});
  const checkpoint = bestCheckpoint(join(folder, 'run'))!;
  const captioned = await captionPhotos(checkpoint, [...listed, join(folder, 'photos')]);
  expect(captioned.filter((caption) => 'error' in caption)).toEqual([]);
  // Of a folder all photos by their endings, whatever their case.
  expect(captioned.slice(listed.length)).toHaveLength(photos.length - 1);
});
