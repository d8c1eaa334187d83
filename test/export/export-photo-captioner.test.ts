/** Captioners joined to the network of their features: onnxruntime writes of the same pixels the same words. */
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startId, unwrittenIds } from '../../src/data/vocabulary.js';
import { exportCaptioner } from '../../src/export/export-captioner.js';
import { exportPhotoCaptioner } from '../../src/export/export-photo-captioner.js';
import { GraphScope } from '../../src/export/graph-scope.js';
import { networkParts } from '../../src/export/network-parts.js';
import { encodedModel } from '../../src/export/onnx-encoding.js';
import { decodePhoto } from '../../src/features/decoding.js';
import type { NetworkDescription } from '../../src/features/description.js';
import { readNetwork } from '../../src/features/network.js';
import { inputOf } from '../../src/features/network-input.js';
import { readGraph } from '../../src/features/onnx-graph.js';
import { photoFile } from '../../src/features/photo-files.js';
import type { Checkpoint } from '../../src/training/checkpoints/checkpoint.js';
import { captionPhotos, type PhotoCaption } from '../../src/training/loop/caption-photos.js';
import { startRun } from '../../src/training/run/train.js';
import { writePhotos } from '../features/photos.js';
import { recap } from '../support/command.js';
import { describeWith } from '../support/requirements.js';
import { bestCheckpoint, smallConfig, temporaryFolder, writeData } from '../training/runs.js';
import { captionsIn, runOnnx, runtime, type Tensors } from './onnx-run.js';

const tiny = readFileSync('test/fixtures/tiny-network.onnx');
let data: string;
let folder: string;
let attending: Checkpoint;
let projecting: Checkpoint;
let photos: string[];

beforeAll(async () => {
  folder = temporaryFolder();
  data = await writeData();
  await writePhotos(data, 8, 8);
  photos = Array.from({ length: 9 }, (_, i) => join(data, `photos/val-${i}.png`));
  const network = join(folder, 'network.onnx');
  copyFileSync('test/fixtures/tiny-network.onnx', network);
  // A map is pooled by recap, since its mean is not asked of the network.
  const options = ['--preset', 'efficientnet-lite', '--pooled', 'cells', '--grid', 'cells', '--pca', '3'];
  expect(recap(['features', '--data', data, '--model', network, ...options])).toMatchObject({ status: 0 });
  const trained = async (name: string, sets: readonly string[]) => {
    await startRun(smallConfig(data, ['train.epochs=40', ...sets]), join(folder, name), {});
    return bestCheckpoint(join(folder, name))!;
  };
  attending = await trained('attending', ['data.grid=true', 'model.attention=additive']);
  projecting = await trained('projecting', ['data.features=fc7_pca', 'model.cell=gru']);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** The checkpoint, were its features from another file. */
function withNetwork({ state, ...rest }: Checkpoint, name: string, bytes: Uint8Array): Checkpoint {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const extractor = state.extractor as NetworkDescription;
  const network = { path, sha256: createHash('sha256').update(bytes).digest('hex') };
  return { ...rest, state: { ...state, extractor: { ...extractor, network } } };
}

/** The tiny network, as if written in another operator set; those of its operators are the same in all. */
function ofOperatorSet(version: number): Uint8Array {
  const bytes = Buffer.from(tiny);
  const place = bytes.lastIndexOf(Buffer.of(0x10, 13));
  bytes[place + 1] = version;
  return bytes;
}

async function pixelsOf(checkpoint: Checkpoint): Promise<Tensors> {
  const { preprocessing } = checkpoint.state.extractor as NetworkDescription;
  const images = await Promise.all(photos.map((path) => decodePhoto(photoFile(path), preprocessing)));
  return { pixels: new runtime!.Tensor('float32', inputOf(images, preprocessing), [images.length, 3, 8, 8]) };
}

async function captionsOf(checkpoint: Checkpoint): Promise<(readonly number[])[]> {
  const captions = await captionPhotos(checkpoint, photos);
  return captions.map((each) => (each as Extract<PhotoCaption, { decoded: unknown }>).decoded[0]!.words);
}

describeWith({ onnxruntime: true }, 'a captioner behind the network of its features', () => {
  it('writes from pixels the words of recap caption, with attention and with principal components', async () => {
    for (const checkpoint of [attending, projecting]) {
      const { bytes, signature } = await exportPhotoCaptioner([checkpoint]);
      expect(signature).toBe('pixels (n,3,8,8) → words (n,t)');
      const found = captionsIn(await runOnnx(bytes, await pixelsOf(checkpoint)));
      expect(found).toEqual(await captionsOf(checkpoint));
      expect(new Set(found.map(String)).size).toBeGreaterThan(1);
    }
  });

  it('leaves out what of the network nobody reads, and takes its other operator sets and names', async () => {
    const expected = await captionsOf(attending);
    for (const [name, network] of Object.entries({
      eleven: ofOperatorSet(11),
      eighteen: ofOperatorSet(18),
      'twenty-one': ofOperatorSet(21),
      // A tensor of the network called as an output of the captioner.
      names: Buffer.from(tiny.toString('latin1').replaceAll('cells', 'words'), 'latin1'),
    })) {
      const { state, ...rest } = withNetwork(attending, `${name}.onnx`, network);
      const extractor = state.extractor as NetworkDescription;
      const renamed = name === 'names' ? { pooled: 'words', grid: 'words' } : {};
      const checkpoint = { ...rest, state: { ...state, extractor: { ...extractor, ...renamed } } };
      const { bytes } = await exportPhotoCaptioner([checkpoint]);
      expect(readGraph('', bytes).tensors).not.toContain('network/logits');
      expect(captionsIn(await runOnnx(bytes, await pixelsOf(checkpoint)))).toEqual(expected);
    }
  });

  it('in two parts begins with pixels, and start gives the grid that step reads', async () => {
    const start = await exportPhotoCaptioner([attending], { part: 'start' });
    expect(start.signature).toBe('pixels (n,3,8,8) → grid (n,16,4), h (n,24), c (n,24), projectedGrid (n,384)');
    const step = await exportPhotoCaptioner([attending], { part: 'step' });
    expect(step.bytes).toEqual(exportCaptioner(attending, { part: 'step' }).bytes);
    const state = await runOnnx(start.bytes, await pixelsOf(attending));
    const words = new runtime!.Tensor('int64', new BigInt64Array(9).fill(BigInt(startId)), [9]);
    const { scores } = await runOnnx(step.bytes, { ...state, words });
    const [, columns] = scores!.dims as [number, number];
    const first = Array.from({ length: 9 }, (_, r) => {
      const row = Array.from((scores!.data as Float32Array).subarray(r * columns, (r + 1) * columns));
      for (const id of unwrittenIds) row[id] = Number.NEGATIVE_INFINITY;
      return row.indexOf(Math.max(...row));
    });
    expect(first).toEqual((await captionsOf(attending)).map(([word]) => word));
  });

  it('may have loops in the network, whose names are found in their bodies too', async () => {
    // A captioner in the place of a network.
    const { bytes } = exportCaptioner(attending);
    const path = join(folder, 'loops.onnx');
    writeFileSync(path, bytes);
    const { dialect, nodes, initializers } = networkParts(readNetwork(path), (name) => `inner/${name}`);
    const graph = GraphScope.whole();
    graph.input({ name: 'inner/features', type: 'float32', shape: ['n', 4] });
    graph.input({ name: 'inner/grid', type: 'float32', shape: ['n', 16, 4] });
    graph.takeIn(nodes, initializers);
    graph.output({ name: 'words', type: 'int64', shape: ['n', 't'] }, 'inner/words');
    const wrapped = encodedModel({ graph: graph.build(), dialect, name: '', description: '', metadata: {} });
    const features = new runtime!.Tensor(
      'float32',
      Float32Array.from({ length: 12 }, (_, i) => i / 6),
      [3, 4],
    );
    const grid = new runtime!.Tensor(
      'float32',
      Float32Array.from({ length: 192 }, (_, i) => (i % 7) / 3),
      [3, 16, 4],
    );
    const found = await runOnnx(wrapped, { 'inner/features': features, 'inner/grid': grid });
    expect(found.words!.data).toEqual((await runOnnx(bytes, { features, grid })).words!.data);
  });

  it('is refused by name where they cannot be joined', async () => {
    const old = withNetwork(attending, 'old.onnx', ofOperatorSet(9));
    await expect(exportPhotoCaptioner([old])).rejects.toThrow(
      /old\.onnx is written in ONNX operator set 9, and a captioner is joined to networks of 11 or later\./,
    );
    const extractor = { kind: 'builtin', version: 1, pca: null } as const;
    const builtIn = { ...attending, state: { ...attending.state, extractor } };
    await expect(exportPhotoCaptioner([builtIn])).rejects.toThrow(
      'was trained on features of the built-in extractor, which is no network that a captioner could be joined to.',
    );
  });

  it('is written by the command', () => {
    const path = join(folder, 'joined.onnx');
    const words = ['--checkpoint', join(folder, 'projecting'), '--onnx', path, '--end-to-end', '--parts'];
    const { status, stdout } = recap(['export', ...words]);
    expect(status).toBe(0);
    expect(stdout).toContain(`written  ${join(folder, 'joined.start.onnx')}: pixels (n,3,8,8) → h (n,24)\n`);
  });
});
