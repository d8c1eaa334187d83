import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { offsetTableBytes } from '../../../src/engine/cpu/updates.js';
import type { RunRequest } from '../../../src/engine/engine.js';
import { createGpuEngine, type GpuMode } from '../../../src/engine/gpu/gpu-engine.js';
import { WebGPUContext } from '../../../src/engine/gpu/gpu-js.js';
import { TrainingError } from '../../../src/errors.js';
import { paddedPlan } from '../../../src/tensor/step-plan.js';
import { describeWith } from '../../support/requirements.js';
import { type CaptionerShape, memoryFor, raggedShard, shardInputs, shardTokens, specOf } from '../../support/shard.js';

const shape: CaptionerShape = { cell: 'lstm', featureDim: 8, wordDim: 4, hiddenDim: 16, vocabSize: 12, steps: 6 };

async function bench(mode: GpuMode) {
  const engine = await createGpuEngine(mode, memoryFor(shape, 'float32', 1, offsetTableBytes));
  const program = engine.prepare(specOf(shape).programs.gradients, { rows: 4, steps: shape.steps });
  const run = async () => program.run(request());
  return { engine, run };
}

function request(): RunRequest {
  const shard = raggedShard(shape, 4);
  const plan = paddedPlan(shardTokens(shard));
  return { shard: 0, plan, inputs: shardInputs(shard, plan) };
}

describe('the gpu engine', () => {
  afterEach(() => vi.restoreAllMocks());

  it('refuses to train on a plan that gpu.js did not fuse, and says why it did not', async () => {
    const { engine, run } = await bench('webasm');
    vi.spyOn(WebAssembly, 'Module').mockImplementationOnce(function outOfMemory() {
      throw new RangeError('out of memory');
    });
    const reason = /with its "generic" executor instead of "fused-sync": out of memory/;
    await expect(run()).rejects.toThrow(reason);
    await expect(run()).rejects.toThrow(TrainingError);
    await engine.dispose();
  });
});

describeWith({ webgpu: true }, 'the gpu engine on a WebGPU adapter', () => {
  it('ends a run with an error when the device is lost, and works again on a new device', async () => {
    const { engine, run } = await bench('webgpu');
    const { loss } = await run();
    const { device } = await WebGPUContext.acquire();
    const interrupted = run();
    device.destroy();
    await expect(interrupted).rejects.toThrow(/WebGPU device .* was lost/);
    await expect(run()).rejects.toThrow(TrainingError);
    await engine.dispose();

    const next = await bench('webgpu');
    expect((await next.run()).loss).toBe(loss);
    await next.engine.dispose();
  });

  it('shares one device between engines of a thread until the last is disposed of', async () => {
    const [first, second] = await Promise.all([bench('webgpu'), bench('webgpu')]);
    const [a, b] = await Promise.all([first.run(), second.run()]);
    await first.engine.dispose();
    expect((await second.run()).loss).toBe(a.loss);
    expect(b.loss).toBe(a.loss);
    await second.engine.dispose();
  });

  it('lets its worker thread end', async () => {
    const built = (file: string) => new URL(`../../../dist/src/${file}`, import.meta.url).href;
    const worker = new Worker(
      `const { workerData } = require('node:worker_threads');
       (async () => {
         const { createGpuEngine } = await import(workerData.engine);
         const { family } = await import(workerData.captioner);
         const { programs } = family.spec(workerData.options, workerData.dimensions);
         const engine = await createGpuEngine('webgpu', workerData.memory);
         const program = engine.prepare(programs.gradients, { rows: 4, steps: 6 });
         await program.run(workerData.request);
         await engine.dispose();
       })();`,
      {
        eval: true,
        workerData: {
          engine: built('engine/gpu/gpu-engine.js'),
          captioner: built('model/captioner.js'),
          options: shape,
          dimensions: specOf(shape).dimensions,
          memory: memoryFor(shape, 'float32', 1, offsetTableBytes),
          request: request(),
        },
      },
    );
    const [code] = await once(worker, 'exit');
    expect(code).toBe(0);
  });
});
