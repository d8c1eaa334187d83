import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bestInstructionSet } from '../../../../src/engine/cpu/kernels.js';
import { installedLibraries } from '../../../../src/engine/cpu/suppliers/blas/installed.js';
import { chooseSupplier } from '../../../../src/engine/cpu/suppliers/choose-supplier.js';
import { measuredSuppliers } from '../../../../src/engine/cpu/suppliers/measured-suppliers.js';
import { generationSupport } from '../../../../src/engine/cpu/suppliers/native/generated-kernels.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-cache-'));
  vi.stubEnv('RECAP_CACHE_DIR', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('the measurement of suppliers', () => {
  it('finds WebAssembly at least, and is done once a machine', async () => {
    const first = await measuredSuppliers();
    expect(first.some(({ supplier, milliseconds }) => supplier.library === 'wasm' && milliseconds! > 0)).toBe(true);
    const [file] = readdirSync(folder);
    const content = readFileSync(join(folder, file!), 'utf8');
    writeFileSync(join(folder, file!), content.replaceAll(/"gflops": [\d.]+/g, '"gflops": 12345'));
    expect((await measuredSuppliers()).some(({ gflops }) => gflops === 12345)).toBe(true);
    expect((await measuredSuppliers(true)).some(({ gflops }) => gflops === 12345)).toBe(false);
    writeFileSync(join(folder, file!), content.slice(0, 100));
    expect((await measuredSuppliers()).length).toBe(first.length);
    expect(JSON.parse(readFileSync(join(folder, file!), 'utf8'))).toHaveProperty('answers');
  });

  it('forgets what was cut short, goes on with WebAssembly meanwhile and keeps to what a run recorded', async () => {
    const blas = 'none';
    const wanted = { name: 'cpu', blas, precision: 'float32' } as const;
    // A Node option that does not exist ends every trial before it has begun.
    vi.stubEnv('NODE_OPTIONS', '--no-such-option');
    const failed = await measuredSuppliers();
    expect(failed.every(({ milliseconds, passing }) => milliseconds === null && passing)).toBe(true);
    expect((await chooseSupplier(wanted)).choice.supplier).toEqual({ library: 'wasm' });
    expect((await chooseSupplier({ ...wanted, blas: 'auto' })).choice.supplier).toEqual({ library: 'wasm' });
    const recorded = {
      name: 'cpu',
      precision: 'float32',
      supplier: { library: 'native' },
      instructionSet: bestInstructionSet(),
    } as const;
    expect((await chooseSupplier({ ...wanted, blas: 'auto' }, recorded)).choice.supplier).toEqual({
      library: 'native',
    });
    expect(readdirSync(folder)).toEqual([]);
    vi.stubEnv('NODE_OPTIONS', '');
    const again = await measuredSuppliers();
    expect(again.find(({ supplier }) => supplier.library === 'wasm')!.milliseconds).toBeGreaterThan(0);
  });

  it('loads no file that only the cache names', async () => {
    await measuredSuppliers();
    const [file] = readdirSync(folder);
    const content = JSON.parse(readFileSync(join(folder, file!), 'utf8'));
    const measurement = { version: '9', kernels: '', milliseconds: 1e-3, gflops: 1e6 };
    const injected = ['blis', '/tmp/injected.so', '/tmp/injected.so', 0, 0, 'float32', '', 'none'];
    content.answers[JSON.stringify(injected)] = { measurement };
    writeFileSync(join(folder, file!), JSON.stringify(content));
    expect(JSON.stringify(await measuredSuppliers())).not.toContain('injected');
  });

  it('goes without a cache folder that cannot be written, and passes over a file that is no library', async () => {
    writeFileSync(join(folder, 'taken'), '');
    vi.stubEnv('RECAP_CACHE_DIR', join(folder, 'taken'));
    const fake = join(folder, 'libopenblas.so.0');
    writeFileSync(fake, 'not a library');
    vi.stubEnv('RECAP_BLAS_PATH', folder);
    const measured = await measuredSuppliers();
    if (process.platform === 'linux') {
      const openblas = measured.filter(({ supplier }) => supplier.library === 'openblas');
      expect(openblas[0]).toMatchObject({ supplier: { path: fake }, reason: expect.stringContaining('load') });
      // One that is installed elsewhere is tried next.
      const others = installedLibraries().filter(({ library, path }) => library === 'openblas' && path !== fake);
      expect(openblas.some(({ reason }) => reason === null)).toBe(others.length > 0);
    }
    expect(measured.some(({ milliseconds }) => milliseconds !== null)).toBe(true);
  });

  it('refuses what this machine lacks with a reason', async () => {
    writeFileSync(join(folder, 'libopenblas.so.0'), 'not a library');
    vi.stubEnv('RECAP_BLAS_PATH', folder);
    const wanted = { name: 'cpu', blas: 'blis', precision: 'bf16' } as const;
    await expect(chooseSupplier(wanted)).rejects.toThrow('bf16 needs blas: onednn or auto, not blis');
    if (process.platform !== 'darwin') {
      await expect(chooseSupplier({ ...wanted, blas: 'accelerate', precision: 'float32' })).rejects.toThrow(
        'engine.blas: accelerate, but Accelerate is not installed',
      );
    }
    const installed = installedLibraries().filter(({ library }) => library === 'openblas');
    if (process.platform === 'linux' && installed.length === 1) {
      await expect(chooseSupplier({ ...wanted, blas: 'openblas', precision: 'float32' })).rejects.toThrow(
        /^engine\.blas: openblas does not work here: .*load.*/i,
      );
    }
  });

  it('takes generated kernels where the config asks for them, or says why there are none', async () => {
    const chosen = chooseSupplier({ name: 'cpu', blas: 'native', precision: 'float32' });
    const { reason } = generationSupport();
    if (reason === null) expect((await chosen).choice.supplier).toEqual({ library: 'native' });
    else await expect(chosen).rejects.toThrow(`engine.blas: native does not work here: ${reason}.`);
  });

  it('takes the recorded supplier again although another one is faster', async () => {
    const recorded = {
      name: 'cpu',
      precision: 'float32',
      supplier: { library: 'wasm' },
      instructionSet: bestInstructionSet(),
    } as const;
    const { choice } = await chooseSupplier({ name: 'cpu', blas: 'auto', precision: 'float32' }, recorded);
    expect(choice).toEqual(recorded);
  });
});
