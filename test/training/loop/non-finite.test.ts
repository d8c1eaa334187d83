import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrainingError } from '../../../src/errors.js';
import { encodeHeader } from '../../../src/files/safetensors.js';
import type { ParameterTensors } from '../../../src/training/checkpoints/checkpoint.js';
import { resumeRun, startRun } from '../../../src/training/run/train.js';
import { newRun, Train } from '../../e2e/processes.js';
import {
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  trainUntil,
  watched,
  writeData,
} from '../runs.js';

/** Caption and image whose features are as large as float32 holds: the hidden state overflows. */
const loud = 13;
/** In the order of the captions, 6 a step, it is in the third step of each epoch of 4. */
const sets = ['train.sampling=sequential', 'train.epochs=2'];
const fault = /^the loss is (NaN|Infinity) \(.*W_proj.*\), in training captions 13$/;

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData({ spoil: (features) => features.fill(3e38, loud * 32, (loud + 1) * 32) });
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

describe('a loss that is not finite', () => {
  it('stops the run before the update, naming step, parameters and captions, with the good state on the disk', async () => {
    const dir = join(folder, 'stop');
    const error = await startRun(smallConfig(data, sets), dir, watched().options).catch((caught) => caught);
    expect(error).toBeInstanceOf(TrainingError);
    expect(error.message).toMatch(
      /^Step 3: the loss is \S+ \(.*W_proj.*\), in training captions 13\. Nothing was updated/,
    );
    expect(readMetrics(dir).map(({ type, step }) => [type, step])).toEqual([
      ['step', 1],
      ['step', 2],
      ['nonFinite', 3],
    ]);
    const checkpoint = newestCheckpoint(dir);
    expect(checkpoint.state.step).toBe(2);
    for (const { data: values } of [...checkpoint.parameters.values(), ...checkpoint.states.v!.values()]) {
      expect(values.every(Number.isFinite)).toBe(true);
    }
    await expect(resumeRun(dir, [], watched().options)).rejects.toThrow('Step 3: the loss is');
  });

  it('is one line and exit code 1 on the command line', async () => {
    const { status, stderr } = await new Train(newRun(smallConfig(data, sets), join(folder, 'cli'))).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^recap: Step 3: the loss is [^\n]*\n$/);
  });

  it.each(['{ name: cpu, blas: none }', '{ name: gpu, mode: webasm }'])(
    'is left out with onNonFinite: skip, logged, and resumed over to the bit (%s)',
    async (engine) => {
      const name = engine.replaceAll(/\W+/g, '-');
      const skipping = smallConfig(data, [...sets, `engine=${engine}`, 'train.onNonFinite=skip']);
      const whole = join(folder, `skip${name}`);
      const means: (number | null)[] = [];
      const { options, warnings } = watched({ epochEnded: (_step, meanLoss) => means.push(meanLoss) });
      await startRun(skipping, whole, options);
      expect(warnings).toEqual([]);
      expect(means).toEqual([expect.any(Number), expect.any(Number)]);
      expect(means.every(Number.isFinite), 'the mean is of the steps that counted').toBe(true);
      const records = readMetrics(whole).filter(({ type }) => type === 'nonFinite');
      expect(records).toMatchObject([{ step: 3 }, { step: 7 }]);
      expect(records[0]!.fault).toMatch(fault);
      expect(readMetrics(whole).filter(({ type, loss }) => type === 'step' && loss === null)).toHaveLength(2);

      const stopped = join(folder, `skip-stopped${name}`);
      await trainUntil({ afterStep: 3 }, stopped, { config: skipping });
      await trainUntil({ afterStep: 6 }, stopped, { sets: [] });
      await trainUntil(null, stopped, { sets: ['train.workers=1'] });
      expect(resultOf(stopped)).toEqual(resultOf(whole));
    },
    300_000,
  );

  it('that stopped a run may be skipped when it goes on', async () => {
    const dir = join(folder, 'stop-then-skip');
    await expect(startRun(smallConfig(data, sets), dir, watched().options)).rejects.toThrow('Step 3');
    await trainUntil(null, dir, { sets: ['train.onNonFinite=skip'] });
    const whole = join(folder, 'skip-from-start');
    await startRun(smallConfig(data, [...sets, 'train.onNonFinite=skip']), whole, watched().options);
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });
});

describe('a gradient whose square overflows', () => {
  it('stops the run too, because Adam could not average it', async () => {
    const size = 1e25;
    const large = await writeData({ spoil: (features) => features.fill(size, loud * 32, (loud + 1) * 32) });
    // Parameters that bring these features down again: the hidden state is small, the gradient of W_proj is not.
    const config = smallConfig(large, sets);
    const dir = join(folder, 'normal');
    await trainUntil({ afterStep: 1 }, dir, { config });
    const tensors = new Map([...newestCheckpoint(dir).parameters]);
    const { shape, data: W_proj } = tensors.get('W_proj')!;
    tensors.set('W_proj', { shape, data: W_proj.map((value) => value / size) });
    const init = join(folder, 'init.safetensors');
    writeTensors(init, tensors);
    const still = smallConfig(large, [...sets, `model.init=${init}`, 'train.optimizer.learningRate=1e-30']);
    const error = await startRun(still, join(folder, 'square'), watched().options).catch((caught) => caught);
    expect(error.message).toMatch(
      /^Step 3: the gradient is not finite \(W_proj\), among training captions 12, 13, 14, 15, 16, 17\./,
    );
    rmSync(large, { recursive: true });
  });
});

function writeTensors(path: string, tensors: ParameterTensors): void {
  const parts = [...tensors].map(([name, { shape, data: values }]) => {
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return { entry: { name, dtype: 'F32' as const, shape, bytes: bytes.length }, bytes };
  });
  const header = encodeHeader(
    {},
    parts.map(({ entry }) => entry),
  );
  writeFileSync(path, Buffer.concat([header, ...parts.map(({ bytes }) => bytes)]));
}
