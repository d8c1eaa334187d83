import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestInstructionSet } from '../../../src/engine/cpu/kernels.js';
import { type ChosenEngine, chooseEngine } from '../../../src/engine/select.js';
import { TrainingError } from '../../../src/errors.js';
import { fasterEngine, timeStep } from '../../../src/training/loop/faster-engine.js';
import { createTrainer } from '../../../src/training/loop/trainer.js';
import { describeWith } from '../../support/requirements.js';
import { smallConfig, writeData } from '../runs.js';

const description = (engine: 'gpu' | 'cpu', detail: string, notes: readonly string[] = []) => ({
  engine,
  precision: 'float32' as const,
  supplier: '',
  detail,
  notes,
});
const gpu: ChosenEngine = { choice: { name: 'gpu', mode: 'webgpu' }, description: description('gpu', 'a GPU') };
const cpu: ChosenEngine = {
  choice: {
    name: 'cpu',
    precision: 'float32',
    supplier: { library: 'wasm' },
    instructionSet: bestInstructionSet(),
  },
  description: description('cpu', 'WebAssembly', ['a note of its own']),
};

describe('the engine of a machine with a GPU', () => {
  it('is the one whose step is faster, and the run says what both took', async () => {
    const byCpu = await fasterEngine([gpu, cpu], async ({ name }) => (name === 'gpu' ? 20 : 8.25));
    expect(byCpu.choice).toEqual(cpu.choice);
    expect(byCpu.description.notes).toEqual([
      'A step takes 20.0 ms by a GPU, 8.3 ms by WebAssembly.',
      'a note of its own',
    ]);
    expect((await fasterEngine([gpu, cpu], async ({ name }) => (name === 'gpu' ? 2 : 8))).choice).toEqual(gpu.choice);
  });

  it('is the other one where one fails, and there is an error where both do', async () => {
    const failing = async ({ name }: ChosenEngine['choice']) => {
      if (name === 'gpu') throw new TrainingError('the device was lost');
      return 8;
    };
    const { choice, description } = await fasterEngine([gpu, cpu], failing);
    expect(choice).toEqual(cpu.choice);
    expect(description.notes[0]).toBe('A step takes none by a GPU (the device was lost), 8.0 ms by WebAssembly.');
    await expect(fasterEngine([gpu, gpu], failing)).rejects.toThrow('the device was lost');
  });
});

describeWith({ webgpu: true }, 'a step timed for real', () => {
  let data: string;
  beforeAll(async () => {
    data = await writeData();
  });
  afterAll(() => rmSync(data, { recursive: true }));

  it('is slower on a software adapter than on the processor itself', async () => {
    const trainer = await createTrainer(smallConfig(data, ['train.workers=1', 'train.shards=1']));
    const { coordinator, dataset } = trainer;
    const software = await chooseEngine({ name: 'gpu', mode: 'webgpu' });
    const time = (engine: ChosenEngine['choice']) => timeStep({ ...coordinator.options, engine }, dataset.train);
    const { choice } = await fasterEngine([software, cpu], time);
    await coordinator.close();
    // On a real GPU whichever is faster is right.
    if (/swiftshader|llvmpipe/i.test(software.description.detail)) expect(choice.name).toBe('cpu');
  });
});
