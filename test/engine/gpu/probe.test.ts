import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isHardware } from '../../../src/engine/gpu/device.js';
import { probeGpu } from '../../../src/engine/gpu/probe.js';
import { describeWith } from '../../support/requirements.js';

describe('the probe for gpu modes', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('says why WebGPU is not available where no graphics driver is found, and offers the other modes', async () => {
    vi.stubEnv('VK_ICD_FILENAMES', '/nonexistent.json');
    vi.stubEnv('VK_DRIVER_FILES', '/nonexistent.json');
    const [webgpu, webasm, cpu] = await probeGpu();
    expect(webgpu).toMatchObject({ mode: 'webgpu', available: false, adapter: null, hardware: false });
    expect(webgpu!.reason).toMatch(/no GPU with a Vulkan driver was found/);
    expect(webasm).toMatchObject({ mode: 'webasm', available: true, hardware: false, reason: null });
    expect(cpu).toMatchObject({ mode: 'cpu', available: true, hardware: false, reason: null });
  });

  it('takes nothing for its answer that something else prints', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'recap-probe-'));
    const file = join(folder, 'noise.cjs');
    writeFileSync(file, "console.log('noise');");
    vi.stubEnv('NODE_OPTIONS', `-r ${file}`);
    const modes = await probeGpu();
    rmSync(folder, { recursive: true });
    vi.unstubAllEnvs();
    expect(modes).toEqual(await probeGpu());
  });

  it.each([
    ['NVIDIA: 550.54 Driver', 'hopper', false, true],
    ['SwiftShader driver 5.0.0', 'swiftshader', true, false],
    ['llvmpipe (LLVM 15.0.6, 256 bits)', '', false, false],
  ])('tells hardware from software: %s', (description, architecture, isFallbackAdapter, hardware) => {
    expect(isHardware({ vendor: '', architecture, description, isFallbackAdapter })).toBe(hardware);
  });
});

describeWith({ webgpu: true }, 'the probe on a machine with a WebGPU adapter', () => {
  it('names the adapter', async () => {
    const [webgpu] = await probeGpu();
    expect(webgpu).toMatchObject({ mode: 'webgpu', available: true, reason: null });
    expect(webgpu!.adapter).toMatch(/\w/);
  });
});
