/** The page of `recap export --web` in a real browser, from a server that knows nothing but files. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { extractFeatures } from '../../src/data/extract-features.js';
import { prepare } from '../../src/data/prepare/prepare.js';
import { exportWebPage } from '../../src/export/web-page.js';
import type { NetworkDescription } from '../../src/features/description.js';
import { describeNetwork, openNetwork } from '../../src/features/extractor.js';
import type { Checkpoint } from '../../src/training/checkpoints/checkpoint.js';
import { captionPhotos, type PhotoCaption } from '../../src/training/loop/caption-photos.js';
import { startRun } from '../../src/training/run/train.js';
import { image, pattern, writePhotos } from '../features/photos.js';
import { trainedRun } from '../serve/trained-run.js';
import { isWiderThanThePhone, launchBrowser, phonePage } from '../support/browser.js';
import { recap } from '../support/command.js';
import { describeWith, sharedFile } from '../support/requirements.js';
import { bestCheckpoint, smallConfig, temporaryFolder, writeData } from '../training/runs.js';
import { type FileServer, serveFiles } from './file-server.js';

interface Caption {
  readonly caption: string;
  readonly logProbability: number;
}

let folder: string;
let browser: Browser | undefined;
let server: FileServer | null = null;
let page: Page;
let complaints: string[];
/** Where the page has asked for anything. */
let asked: string[];

async function open(dir: string): Promise<void> {
  browser ??= await launchBrowser();
  server = await serveFiles(dir);
  ({ page, complaints } = await phonePage(browser));
  asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(server.url);
  await page.getByText('Ready.').waitFor();
}

/** What the page says of a photo. */
async function captionsOnPage(photo: string, beam: number): Promise<Caption[]> {
  await page.getByLabel('Search').selectOption(String(beam));
  await page.getByLabel('Photo', { exact: true }).setInputFiles(photo);
  const best = page.locator('#preview:not([alt^="The photo"])');
  await best.waitFor();
  if (beam === 1) return [{ caption: (await page.getByRole('status').textContent())!, logProbability: Number.NaN }];
  const items = await page.getByRole('listitem').allTextContents();
  return items.map((item) => {
    const [, caption, logProbability] = /^(.*) log probability (-?[\d.]+)$/.exec(item)!;
    return { caption: caption!, logProbability: Number(logProbability) };
  });
}

/** On the page each photo has the captions of `recap caption`, the best `beam` ones or the greedy one. */
async function comparePhotos(checkpoint: Checkpoint, photos: readonly string[], beam: number): Promise<void> {
  const decoding = beam === 1 ? {} : { beam, nbest: beam };
  const all = await captionPhotos(checkpoint, photos, { decoding });
  for (const [i, photo] of photos.entries()) {
    const { decoded } = all[i] as Extract<PhotoCaption, { decoded: unknown }>;
    const found = await captionsOnPage(photo, beam);
    expect(found.map(({ caption }) => caption)).toEqual(decoded.map(({ text }) => text));
    if (beam === 1) continue;
    for (const [k, { logProbability }] of found.entries()) {
      expect(logProbability).toBeCloseTo(decoded[k]!.logProbability, 1);
    }
  }
}

beforeAll(async () => {
  folder = temporaryFolder();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await page?.close();
  server?.close();
  server = null;
});

describeWith({ command: 'chromium', onnxruntime: true }, 'a page without a server', () => {
  let data: string;
  let dir: string;
  let checkpoint: Checkpoint;
  const photo = (i: number) => join(data, `photos/val-${i}.png`);
  beforeAll(async () => {
    data = await writeData();
    await writePhotos(data, 8, 8);
    const network = join(data, 'network.onnx');
    copyFileSync('test/fixtures/tiny-network.onnx', network);
    const options = ['--preset', 'efficientnet-lite', '--pooled', 'pooled', '--grid', 'cells', '--pca', '3'];
    expect(recap(['features', '--data', data, '--model', network, ...options])).toMatchObject({ status: 0 });
    const run = join(data, 'run');
    const attention = ['data.features=fc7_pca', 'data.grid=true', 'model.attention=additive', 'train.epochs=40'];
    await startRun(smallConfig(data, attention), run, {});
    checkpoint = bestCheckpoint(run)!;
    dir = join(folder, 'page');
    const moved = join(folder, 'moved.onnx');
    renameSync(network, moved);
    const exported = recap(['export', '--checkpoint', run, '--network', moved, '--web', dir]);
    expect(exported).toMatchObject({ status: 0 });
    expect(exported.stdout).toMatch(new RegExp(`^written {2}${dir}: 10 files, \\d+\\.\\d MB$`, 'm'));
    renameSync(moved, network);
  });
  afterAll(() => rmSync(data, { recursive: true, force: true }));

  it('writes the captions of recap caption and shows where each word looked, on the width of a phone', async () => {
    await open(dir);
    expect(await isWiderThanThePhone(page)).toBe(false);
    const large = join(data, 'large.png');
    writeFileSync(large, await image(60, 44, pattern(60, 44)).png().toBuffer());
    await comparePhotos(checkpoint, [0, 1, 2].map(photo), 1);
    await comparePhotos(checkpoint, [photo(0), large], 3);
    const words = (await page.getByRole('status').textContent())!.split(' ');
    expect(await page.locator('figcaption').allTextContents()).toEqual(words);
    expect(await page.getByRole('img', { name: /^looked most at row \d, column \d of 4/ }).count()).toBe(words.length);
    expect(await page.locator('#preview').getAttribute('alt')).toBe(words.join(' '));
    expect(await isWiderThanThePhone(page)).toBe(false);
    expect(complaints).toEqual([]);
    const strange = asked.filter((url) => !url.startsWith(server!.url) && !/^(blob|data):/.test(url));
    expect(strange).toEqual([]);
  });

  it('is used by the keyboard alone, and searches anew when another search is chosen', async () => {
    await open(dir);
    page.on('filechooser', (chooser) => void chooser.setFiles(photo(1)));
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('listitem').nth(2).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.id')).toBe('beam');
    await page.keyboard.press('ArrowDown');
    await page.getByRole('listitem').nth(4).waitFor();
    expect(await page.getByRole('listitem').count()).toBe(5);
    expect(await page.getByRole('status').getAttribute('aria-live')).toBe('polite');
    expect(complaints).toEqual([]);
  });

  it('says why a file has no captions, and which of its own files is missing', async () => {
    await open(dir);
    const text = join(folder, '<b>text.txt');
    writeFileSync(text, 'not an image');
    await page.getByLabel('Photo', { exact: true }).setInputFiles(text);
    await page.getByText('This browser cannot read the photo. Give it as JPEG or PNG.').waitFor();
    expect(complaints).toEqual([]);
    renameSync(join(dir, 'step.onnx'), join(folder, 'step.onnx'));
    await page.reload();
    await page.getByText('step.onnx, which lies beside this page, cannot be loaded.').waitFor();
    renameSync(join(folder, 'step.onnx'), join(dir, 'step.onnx'));
  });

  it('is refused where something is missing, and then leaves nothing behind', async () => {
    const refused = join(folder, 'refused');
    const moved = { network: photo(0) };
    expect(() => exportWebPage(refused, [checkpoint], { moved })).toThrow('not an ONNX model');
    const elsewhere = pathToFileURL(join(folder, 'program.js')).href;
    expect(() => exportWebPage(refused, [checkpoint], { packagesOf: elsewhere })).toThrow(
      'onnxruntime-web, which runs networks in browsers, is not installed. Install it by: npm install --no-save ' +
        'onnxruntime-web@1.30.0',
    );
    const withoutExtractor = { ...checkpoint, state: { ...checkpoint.state, extractor: null } };
    expect(() => exportWebPage(refused, [withoutExtractor])).toThrow('does not say how the features of its images');
    const { extractor } = checkpoint.state as { extractor: NetworkDescription };
    const withoutGrid = { ...checkpoint, state: { ...checkpoint.state, extractor: { ...extractor, grid: null } } };
    expect(() => exportWebPage(refused, [withoutGrid])).toThrow('looks at grids, and the network of its features was');
    expect(() => exportWebPage(join(photo(0), 'page'), [checkpoint])).toThrow(/^--web \S+ cannot be written: /);
    expect(existsSync(refused)).toBe(false);
    mkdirSync(refused);
    writeFileSync(join(refused, 'mine.txt'), 'mine');
    expect(() => exportWebPage(refused, [checkpoint])).toThrow(
      `--web ${refused}: something is there, and nothing is overwritten.`,
    );
    expect(readdirSync(refused)).toEqual(['mine.txt']);
  });
});

describeWith({ command: 'chromium' }, 'a page without a server and without a network', () => {
  it('has the built-in extractor in it', async () => {
    const { run, photos, remove } = await trainedRun();
    try {
      const checkpoint = bestCheckpoint(run)!;
      exportWebPage(join(folder, 'builtin'), [checkpoint]);
      await open(join(folder, 'builtin'));
      // Of its own size: whether neighbours are lighter than a pixel is a matter of the last bit.
      const own = await Promise.all(photos.slice(0, 2).map((path, i) => enlarged(path, join(folder, `own-${i}.png`))));
      await comparePhotos(checkpoint, own, 3);
      expect(complaints).toEqual([]);
    } finally {
      remove();
    }
  });
});

const network = 'data/flickr8k/model.onnx';

describeWith({ command: 'chromium', onnxruntime: true, shared: network }, 'a page of a network of photos', () => {
  it('writes the captions of recap caption, at the network’s own size and at others', async () => {
    const photos = sharedFile('data/flickr8k/images');
    const texts = JSON.parse(readFileSync(sharedFile('data/flickr8k/captions.json'), 'utf8'));
    const names = Object.keys(texts).sort().slice(0, 24);
    const lines = names.map((name, i) =>
      JSON.stringify({ image: name, caption: texts[name].captions[0], split: i < 20 ? 'train' : 'val' }),
    );
    writeFileSync(join(folder, 'captions.jsonl'), lines.join('\n'));
    const data = join(folder, 'data');
    await prepare({ captions: [join(folder, 'captions.jsonl')], images: [photos], out: data, minCount: 2 });
    const tensors = { pooled: '/ReduceMean_output_0', grid: '/_blocks.20/_project_conv/Conv_output_0' };
    const { file, description } = describeNetwork(sharedFile(network), { preset: 'efficientnet-lite', ...tensors });
    const extractor = await openNetwork(file, description);
    await extractFeatures(data, extractor, { pca: null });
    await extractor.close();
    const run = join(folder, 'of-photos');
    const sets = ['data.grid=true', 'model.attention=additive', 'data.standardize=true', 'train.epochs=60'];
    await startRun(smallConfig(data, sets), run, {});
    const checkpoint = bestCheckpoint(run)!;
    exportWebPage(join(folder, 'page-of-photos'), [checkpoint]);
    await open(join(folder, 'page-of-photos'));
    const own = join(photos, names[21]!);
    const large = join(folder, 'large.jpg');
    await sharp(join(photos, names[22]!)).resize(700, 500, { fit: 'fill' }).jpeg().toFile(large);
    await comparePhotos(checkpoint, [own, large], 1);
    expect(complaints).toEqual([]);
  });
});

async function enlarged(path: string, to: string): Promise<string> {
  await sharp(path).resize(112, 112, { fit: 'fill' }).toFile(to);
  return to;
}
