import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chooseSupplier } from '../../../src/engine/cpu/choose-supplier.js';
import { bestInstructionSet } from '../../../src/engine/cpu/kernels.js';
import { measuredSuppliers } from '../../../src/engine/cpu/measured-suppliers.js';

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
    writeFileSync(join(folder, file!), content.replace(/"gflops": [\d.]+/, '"gflops": 12345'));
    expect((await measuredSuppliers())[0]!.gflops).toBe(12345);
    writeFileSync(join(folder, file!), content.slice(0, 100));
    expect((await measuredSuppliers())[0]!.gflops).not.toBe(12345);
    expect(JSON.parse(readFileSync(join(folder, file!), 'utf8'))).toHaveProperty('measured');
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
      expect(openblas.map(({ supplier }) => 'path' in supplier && supplier.path)).toEqual([fake]);
      expect(openblas[0]!.reason).toContain('load');
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
    if (process.platform === 'linux') {
      await expect(chooseSupplier({ ...wanted, blas: 'openblas', precision: 'float32' })).rejects.toThrow(
        /^engine\.blas: openblas does not work here: .*load.*/i,
      );
    }
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
