/** Captioners as ONNX: onnxruntime writes of the same images the same words. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadImages } from '../../src/data/dataset.js';
import { copyRow, type FeatureTable } from '../../src/data/feature-table.js';
import { endId, startId, unwrittenIds } from '../../src/data/vocabulary.js';
import { UserError } from '../../src/errors.js';
import { exportCaptioner } from '../../src/export/export-captioner.js';
import { captionerFamily } from '../../src/model/captioner.js';
import { lstm } from '../../src/model/cells/lstm.js';
import type { Checkpoint } from '../../src/training/checkpoints/checkpoint.js';
import { captionImages } from '../../src/training/loop/caption-images.js';
import { startRun } from '../../src/training/run/train.js';
import { forwardLstm } from '../model/forward-cells.js';
import { describeWith } from '../support/requirements.js';
import { bestCheckpoint, smallConfig, temporaryFolder, writeData } from '../training/runs.js';
import { captionsIn, runOnnx, runtime, type Tensors } from './onnx-run.js';

let data: string;
let runs: string;
beforeAll(async () => {
  data = await writeData();
  runs = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, runs]) rmSync(each, { recursive: true, force: true });
});

async function trained(sets: readonly string[]): Promise<Checkpoint> {
  const dir = join(runs, sets.join(' ').replaceAll(/[^\w.=]/g, '-') || 'plain');
  await startRun(smallConfig(data, ['train.epochs=25', 'train.workers=1', 'train.lrDecay=1', ...sets]), dir, {});
  return bestCheckpoint(dir)!;
}

/** The validation images as a program without recap has them. */
async function imagesOf({ state }: Checkpoint): Promise<Tensors> {
  const grid = state.model.dimensions.inputs.grid !== undefined;
  const { inputs } = await loadImages({ ...smallConfig(data).data, grid }, 'val', 'float32');
  return Object.fromEntries(Object.entries(inputs).map(([name, table]) => [name, tensorOf(table)]));
}

function tensorOf(table: FeatureTable) {
  const { rows, columns, positions } = table;
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) copyRow(table, row, values, row * columns);
  return new runtime!.Tensor('float32', values, positions ? [rows, positions, columns / positions] : [rows, columns]);
}

async function captionsOf(checkpoint: Checkpoint): Promise<(readonly number[])[]> {
  const { captions } = await captionImages(checkpoint, smallConfig(data), 'val');
  return captions.map(({ decoded }) => decoded[0]!.words);
}

const attention = ['data.grid=true', 'model.attention=additive'];
const variants: readonly (readonly string[])[] = [
  ['model.cell=rnn'],
  ['model.cell=lstm'],
  ['model.cell=gru'],
  ['model.layers=2', 'model.residual=true', 'model.wordDim=24', 'model.tieEmbeddings=true'],
  ['model.imageTo=everyStep', 'data.standardize=true', 'train.ema=0.9'],
  ['model.cell=gru', 'model.imageTo=firstWord', 'model.layers=2'],
  attention,
  [...attention, 'model.cell=gru', 'model.attentionToOutput=false', 'model.imageTo=everyStep'],
];

describeWith({ onnxruntime: true }, 'an exported captioner', () => {
  it.each(variants.map((sets) => [sets.join(', '), sets] as const))(
    'writes the words that recap writes: %s',
    async (_, sets) => {
      const checkpoint = await trained(sets);
      const { bytes } = exportCaptioner(checkpoint);
      const found = captionsIn(await runOnnx(bytes, await imagesOf(checkpoint)));
      expect(found).toEqual(await captionsOf(checkpoint));
      expect(new Set(found.map(String)).size).toBeGreaterThan(1);
    },
  );

  it('in two parts leaves the search to a program, which comes to the same words', async () => {
    const checkpoint = await trained([...attention, 'model.imageTo=everyStep', 'model.layers=2']);
    const images = await imagesOf(checkpoint);
    const [rows] = images.features!.dims as [number];
    const [start, step] = (['start', 'step'] as const).map((part) => exportCaptioner(checkpoint, { part }).bytes);
    let state: Tensors = { ...(await runOnnx(start!, images)), grid: images.grid! };
    const captions = Array.from({ length: rows }, () => [startId]);
    for (let t = 0; t < checkpoint.state.model.dimensions.steps; t++) {
      const last = BigInt64Array.from(captions, (caption) => BigInt(caption.at(-1)!));
      const words = new runtime!.Tensor('int64', last, [rows]);
      const { scores, logSums, attention: looks, ...next } = await runOnnx(step!, { ...state, words });
      captions.forEach((caption, r) => {
        const row = Array.from(
          (scores!.data as Float32Array).subarray(r * scores!.dims[1]!, (r + 1) * scores!.dims[1]!),
        );
        const probabilities = row.map((score) => Math.exp(score - (logSums!.data as Float32Array)[r]!));
        expect(sum(probabilities)).toBeCloseTo(1, 5);
        for (const id of unwrittenIds) row[id] = Number.NEGATIVE_INFINITY;
        if (caption.at(-1) !== endId) caption.push(row.indexOf(Math.max(...row)));
      });
      expect(sum(Array.from(looks!.data as Float32Array))).toBeCloseTo(rows, 5);
      const moved = Object.entries(next).map(([name, tensor]) => [name.replace(/^next_/, ''), tensor]);
      state = { ...state, ...Object.fromEntries(moved) };
    }
    expect(captions.map((caption) => caption.slice(1))).toEqual(await captionsOf(checkpoint));
  });

  it('rounds grids as recap does when it reads them', async () => {
    const checkpoint = await trained([...attention, 'train.epochs=1']);
    const { bytes } = exportCaptioner(checkpoint, { part: 'start' });
    const { features, grid } = await imagesOf(checkpoint);
    const almost = (grid!.data as Float32Array).map((value) => value * (1 + 2 ** -13));
    expect(almost).not.toEqual(grid!.data);
    const ofRounded = await runOnnx(bytes, { features: features!, grid: grid! });
    const ofOthers = await runOnnx(bytes, {
      features: features!,
      grid: new runtime!.Tensor('float32', almost, grid!.dims),
    });
    expect(ofOthers.projectedGrid!.data).toEqual(ofRounded.projectedGrid!.data);
  });

  it("may have a cell of one's own, if that goes forward on operations that ONNX has", async () => {
    const checkpoint = await trained(['model.imageTo=firstWord']);
    const { bytes } = exportCaptioner(checkpoint, { family: captionerFamily('mine', import.meta.url, forwardLstm) });
    const found = captionsIn(await runOnnx(bytes, await imagesOf(checkpoint)));
    expect(found).toEqual(await captionsOf(checkpoint));

    const summing: typeof lstm = {
      ...lstm,
      step: (ops, parameters, x, state) => lstm.step(ops, parameters, ops.addRow(x, ops.columnSums(x)), state),
    };
    const family = captionerFamily('mine', import.meta.url, summing);
    expect(() => exportCaptioner(checkpoint, { family })).toThrow(UserError);
    expect(() => exportCaptioner(checkpoint, { family })).toThrow(
      'The operation columnSums, which a program start or step of this model uses, has no counterpart in ONNX here.',
    );
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
