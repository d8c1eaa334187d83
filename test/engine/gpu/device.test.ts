import { afterEach, describe, expect, it, vi } from 'vitest';
import { offsetTableBytes } from '../../../src/engine/cpu/updates.js';
import { createGpuEngine } from '../../../src/engine/gpu/gpu-engine.js';
import { UserError } from '../../../src/errors.js';
import { memoryFor } from '../../support/shard.js';

describe('the gpu engine without a graphics driver', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('says in webgpu mode that there is no adapter, and what to do', async () => {
    vi.stubEnv('VK_ICD_FILENAMES', '/nonexistent.json');
    vi.stubEnv('VK_DRIVER_FILES', '/nonexistent.json');
    const shape = { cell: 'rnn', featureDim: 2, wordDim: 2, hiddenDim: 2, vocabSize: 5, steps: 2 } as const;
    const made = createGpuEngine('webgpu', memoryFor(shape, 'float32', 1, offsetTableBytes));
    await expect(made).rejects.toThrow(UserError);
    await expect(made).rejects.toThrow(
      /found no WebGPU adapter \(.+\)\. Install a Vulkan driver for the GPU, or set engine\.mode to webasm\.$/,
    );
  });
});
