import { afterAll, describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { bestInstructionSet } from '../../src/engine/cpu/kernels.js';
import type { EngineWanted } from '../../src/engine/engine-wanted.js';
import { chooseEngine, type EngineChoice, haveSameBits, listEngines } from '../../src/engine/select.js';
import { UserError } from '../../src/errors.js';

const wasm: EngineChoice = {
  name: 'cpu',
  precision: 'float32',
  supplier: { library: 'wasm' },
  instructionSet: bestInstructionSet(),
};

function wanted(engine: unknown): EngineWanted {
  return configSchema.parse({ data: { builtin: 'shapes' }, engine }).engine;
}

describe('the choice of an engine', () => {
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  it('is plain data, which a checkpoint can record and a worker be given', async () => {
    for (const engine of ['auto', 'reference', 'cpu', { name: 'gpu', mode: 'webasm' }]) {
      const { choice, description } = await chooseEngine(wanted(engine));
      expect(JSON.parse(JSON.stringify(choice))).toEqual(choice);
      expect(description.detail).not.toBe('');
    }
  });

  it('takes gpu only on hardware when it is free to choose, and says why not', async () => {
    const { choice, description } = await chooseEngine(wanted('auto'));
    if (choice.name === 'gpu') expect(choice.mode).toBe('webgpu');
    else expect(description.notes.join()).toContain('No GPU is used');
  });

  it('takes the recorded engine again, or one of the same bits, although a faster one may be there', async () => {
    const { choice, description } = await chooseEngine(wanted('auto'), wasm);
    expect(haveSameBits(choice, wasm)).toBe(true);
    expect(description.notes).toEqual([]);
  });

  it('takes what the config asks for over the recorded engine', async () => {
    expect((await chooseEngine(wanted('reference'), wasm)).choice).toEqual({ name: 'reference' });
  });

  it('refuses a mode of the gpu engine that does not work here', async () => {
    vi.stubEnv('VK_ICD_FILENAMES', '/nonexistent.json');
    vi.stubEnv('VK_DRIVER_FILES', '/nonexistent.json');
    const chosen = chooseEngine(wanted({ name: 'gpu', mode: 'webgpu' }));
    await expect(chosen).rejects.toThrow(
      new UserError(
        'engine.mode: webgpu does not work here: no WebGPU adapter: no GPU with a Vulkan driver was found.',
      ),
    );
  });

  it('has a reason for everything that is not available', async () => {
    const engines = await listEngines();
    expect(new Set(engines.map(({ engine }) => engine))).toEqual(new Set(['reference', 'gpu', 'cpu']));
    for (const { available, detail, reason } of engines) expect(available ? detail : reason).toBeTruthy();
  });
});

describe('a run that goes on with another choice', () => {
  const cpu = (library: 'wasm' | 'native', change: object = {}): EngineChoice => ({
    ...{ name: 'cpu', precision: 'float32', supplier: { library }, instructionSet: 'wasm relaxed simd' },
    ...change,
  });
  const openblas = {
    supplier: { library: 'openblas', path: 'libopenblas.so.0', version: '0.3.21', kernels: '' },
  };

  it('has the same bits by generated kernels and by WebAssembly with fused multiply-adds, and by nothing else', () => {
    expect(haveSameBits(cpu('wasm'), cpu('native'))).toBe(true);
    expect(haveSameBits(cpu('wasm'), cpu('wasm', { instructionSet: 'wasm simd128' }))).toBe(false);
    expect(haveSameBits(cpu('native', openblas), cpu('native'))).toBe(false);
    expect(haveSameBits(cpu('native', openblas), cpu('native', openblas))).toBe(true);
    expect(haveSameBits({ name: 'reference' }, cpu('native'))).toBe(false);
    expect(haveSameBits({ name: 'gpu', mode: 'webasm' }, { name: 'gpu', mode: 'cpu' })).toBe(false);
  });
});
