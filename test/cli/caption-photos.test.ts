/** From images to captions of new photos, by the commands. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photoFile } from '../../src/features/photo-files.js';
import { checkpointOfRun } from '../../src/training/checkpoints/checkpoint-folder.js';
import { PhotoCaptioner } from '../../src/training/loop/caption-photos.js';
import { captioningConfig } from '../../src/training/loop/captioning-config.js';
import { startRun } from '../../src/training/run/train.js';
import { writePhotos } from '../features/photos.js';
import { recap } from '../support/command.js';
import { smallConfig, temporaryFolder, writeData } from '../training/runs.js';

const tiny = 'test/fixtures/tiny-network.onnx';
let data: string;
let runs: string;
let run: string;
let network: string;

beforeAll(async () => {
  data = await writeData();
  runs = temporaryFolder();
  run = join(runs, 'one');
  network = join(runs, 'network.onnx');
  copyFileSync(tiny, network);
  await writePhotos(data, 8, 8);
  const options = ['--preset', 'efficientnet-lite', '--pooled', 'pooled', '--grid', 'cells', '--views', '2'];
  const { status, stdout, stderr } = recap(['features', '--data', data, '--model', network, ...options]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^features {2}20 train, 9 val: 4 columns$/m);
  expect(stdout).toMatch(/^views {5}2 more of each training image$/m);
  expect(stdout).toMatch(/ --set data\.dir=\S+ --set data\.views=2$/m);
  const attention = ['data.grid=true', 'data.views=auto', 'model.attention=additive', 'train.epochs=40'];
  await startRun(smallConfig(data, attention), run, {});
  await startRun(smallConfig(data, ['train.epochs=1']), join(runs, 'plain'), {});
}, 60_000);
afterAll(() => {
  for (const each of [data, runs]) rmSync(each, { recursive: true, force: true });
});

function objects(stdout: string): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('recap caption PHOTO…', () => {
  it('writes of a photo what it writes of the same image of the data', () => {
    const photos = Array.from({ length: 9 }, (_, i) => join(data, `photos/val-${i}.png`));
    const page = join(runs, 'attention.html');
    const found = recap(['caption', '--checkpoint', run, ...photos, '--json', '--beam', '3', '--attention', page]);
    expect(found.status).toBe(0);
    const ofData = recap(['caption', '--checkpoint', run, '--count', '9', '--beam', '3']).stdout;
    const expected = ofData
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(8));
    const captions = objects(found.stdout);
    expect(captions.map(({ caption }) => caption)).toEqual(expected);
    expect(captions.map(({ image }) => image)).toEqual(photos);
    for (const { logProbability } of captions) expect(logProbability).toBeLessThan(0);
    expect(new Set(expected).size).toBeGreaterThan(1);
    const html = readFileSync(page, 'utf8');
    const words = expected.flatMap((caption) => caption.split(' '));
    expect(html.match(/<\/svg>[^<]*(?=<\/figure>)/g)!.map((end) => end.slice(6))).toEqual(words);
    const shares = Array.from(html.matchAll(/<title>([\d.]+)%<\/title>/g), ([, share]) => Number(share));
    expect(shares).toHaveLength(words.length * 16);
    expect(shares.reduce((sum, share) => sum + share, 0) / words.length).toBeCloseTo(100, 0);
  });

  it('passes over what is no photo, by name, and then ends with 1', () => {
    const folder = temporaryFolder();
    const paths = ['broken.jpg', 'missing.png', 'good.png', '07'].map((name) => join(folder, name));
    writeFileSync(paths[0]!, 'not an image');
    copyFileSync(join(data, 'photos/val-0.png'), paths[2]!);
    copyFileSync(join(data, 'photos/val-1.png'), paths[3]!);
    const page = join(folder, 'page.html');
    const { status, stdout } = recap(['caption', '--checkpoint', run, '--json', '--html', page, ...paths]);
    expect(status).toBe(1);
    const html = readFileSync(page, 'utf8');
    expect(html.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(2);
    expect(html.match(/class="error"/g)).toHaveLength(2);
    expect(objects(stdout)).toMatchObject([
      {
        image: paths[0],
        error: `${paths[0]}: not a photo that is read here; expected JPEG, PNG, GIF, WebP, TIFF or AVIF.`,
      },
      { image: paths[1], error: `${paths[1]}: no such file.` },
      { image: paths[2], caption: expect.any(String) },
      { image: paths[3], caption: expect.any(String) },
    ]);
    const inWords = recap(['caption', '--checkpoint', run, paths[0]!]);
    expect(inWords).toMatchObject({ status: 1, stdout: '' });
    expect(inWords.stderr).toMatch(/^error: \S+broken\.jpg: not a photo/m);
    const [album, empty] = [join(folder, 'album'), join(folder, '.hidden')];
    for (const path of [album, empty]) mkdirSync(path);
    copyFileSync(paths[2]!, join(album, 'UPPER CASE.PNG'));
    const asFolder = recap(['caption', '--checkpoint', run, '--json', folder, empty]);
    expect(objects(asFolder.stdout)).toMatchObject([
      { image: join(album, 'UPPER CASE.PNG'), caption: expect.any(String) },
      { error: expect.stringContaining('broken.jpg') },
      { image: paths[2], caption: expect.any(String) },
      { image: empty, error: `${empty}: holds no photo (.jpg, .png, .gif, .webp, .tif or .avif).` },
    ]);
    rmSync(folder, { recursive: true });
  });

  it('draws samples of a photo by its place, however many are captioned at once and whichever others are broken', async () => {
    const checkpoint = checkpointOfRun(run, () => {});
    const photos = Array.from({ length: 5 }, (_, i) => photoFile(join(data, `photos/val-${i}.png`)));
    const captionsOf = async (some: typeof photos, atOnce: number) => {
      const decoding = { temperature: 3, nbest: 3 };
      const captioner = await PhotoCaptioner.open(checkpoint, captioningConfig(checkpoint, []), { decoding, atOnce });
      try {
        const captions: (string[] | null)[] = [];
        for await (const each of captioner.captions(some)) {
          captions.push('error' in each ? null : each.decoded.map(({ text }) => text));
        }
        return captions;
      } finally {
        await captioner.close();
      }
    };
    const expected = await captionsOf(photos, 5);
    expect(new Set(expected.flat()).size).toBeGreaterThan(5);
    expect(await captionsOf(photos, 2)).toEqual(expected);
    const broken = photos.with(1, photoFile(join(data, 'none.png')));
    expect(await captionsOf(broken, 3)).toEqual(expected.with(1, null));
  });

  it('takes a photo from a pipe', () => {
    const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
    const input = readFileSync(join(data, 'photos/val-0.png'));
    const { status, stdout } = spawnSync(process.execPath, [main, 'caption', '--checkpoint', run, '-', '--json'], {
      input,
    });
    expect(status).toBe(0);
    expect(objects(String(stdout))).toMatchObject([{ image: '-', caption: expect.any(String) }]);
  });

  it('refuses features of another kind by name, and finds a network that has moved', () => {
    const photo = join(data, 'photos/val-0.png');
    const moved = join(runs, 'moved.onnx');
    copyFileSync(network, moved);
    rmSync(network);
    const gone = recap(['caption', '--checkpoint', run, photo]);
    expect(gone).toMatchObject({ status: 2, stdout: '' });
    expect(gone.stderr).toContain(`recap: ${network}, the network that made the features, is not there.`);
    expect(recap(['caption', '--checkpoint', run, '--network', moved, photo]).status).toBe(0);
    const other = recap(['caption', '--checkpoint', run, '--network', photo, photo]);
    expect(other.status).toBe(2);
    expect(other.stderr).toContain(`recap: ${photo}: not an ONNX model, or damaged.`);
    copyFileSync(moved, network);
  });

  it('refuses settings that say where the data is, of which it reads nothing, and takes the others', () => {
    const photo = join(data, 'photos/val-0.png');
    const elsewhere = ['--checkpoint', run, '--set', 'data.dir=elsewhere'];
    for (const words of [
      ['caption', ...elsewhere, photo],
      ['serve', ...elsewhere, '--port', '0'],
    ]) {
      expect(recap(words)).toMatchObject({
        status: 2,
        stdout: '',
        stderr: expect.stringContaining(
          `recap: --set data.dir: ${JSON.stringify(data)} → "elsewhere": photos are captioned, for which nothing of the ` +
            'data is read. Only these may be set: data.gridPrecision, engine, train.workers, validate.parameters.\n',
        ),
      });
    }
    const others = ['engine=reference', 'train.workers=1', 'validate.parameters=live', 'data.gridPrecision=float16'];
    const sets = others.flatMap((set) => ['--set', set]);
    expect(recap(['caption', '--checkpoint', run, ...sets, photo])).toMatchObject({ status: 0 });
  });

  it('needs to know how the features were made', () => {
    const old = recap([
      'caption',
      '--checkpoint',
      'test/fixtures/runs-of-0.1.0/lstm/run',
      join(data, 'photos/val-0.png'),
    ]);
    expect(old.status).toBe(2);
    expect(old.stderr).toContain('does not say how the features of its images were made');
    const photo = join(data, 'photos/val-0.png');
    const unseeing = recap([
      'caption',
      '--checkpoint',
      join(runs, 'plain'),
      '--attention',
      join(runs, 'x.html'),
      photo,
    ]);
    expect(unseeing).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is of a model that looks at no grid (model.attention: none).'),
    });
    const without = recap(['caption', '--checkpoint', run, '--json']);
    expect(without.stderr).toContain('recap: --json goes with photos: recap caption --checkpoint RUN PHOTO…');
  });
});

it('recap features refuses what makes no sense', () => {
  const refused = (...words: string[]) => recap(['features', '--data', data, ...words]);
  for (const [words, message] of [
    [[], 'features needs either --model FILE or --builtin.'],
    [['--builtin', '--preset', 'resnet'], '--preset goes with --model; the built-in extractor has no such option.'],
    [['--model', tiny, '--grid', 'a', '--grid', 'b'], '--grid is given more than once.'],
    [['--builtin', '--model', tiny], 'features needs either --model FILE or --builtin.'],
    [['--model', join(runs, 'none.onnx')], 'none.onnx: no such file.'],
    [['--builtin', '--views', '0'], '--views: found 0, expected a whole number from 1 to 1000.'],
    [['--model', tiny, '--mean', 'x', '--scale', '1'], '--mean: expected one number, or three for red, green and blue'],
  ] as const) {
    expect(refused(...words)).toMatchObject({ status: 2, stderr: expect.stringContaining(message) });
  }
});
