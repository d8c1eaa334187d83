import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bestInstructionSet } from '../../../../src/engine/cpu/kernels.js';
import { installedLibraries } from '../../../../src/engine/cpu/suppliers/blas/installed.js';
import { chooseSupplier, tryLibrary } from '../../../../src/engine/cpu/suppliers/choose-supplier.js';
import { generationSupport } from '../../../../src/engine/cpu/suppliers/native/generated-kernels.js';
import type { CpuChoice, LibrarySupplier } from '../../../../src/engine/cpu/suppliers/supplier.js';
import { describeWith } from '../../../support/requirements.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-libraries-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const auto = { name: 'cpu', blas: 'auto', precision: 'float32' } as const;
const native = { library: 'native' } as const;

function recordedWith(supplier: CpuChoice['supplier'], change: Partial<CpuChoice> = {}): CpuChoice {
  return { name: 'cpu', precision: 'float32', supplier, instructionSet: bestInstructionSet(), ...change };
}

describe('the supplier of matrix products', () => {
  it('is what the config asks for, or the reason why that does not work here is given', () => {
    expect(chooseSupplier({ ...auto, blas: 'none' })).toMatchObject({
      choice: { supplier: { library: 'wasm' } },
      notes: [],
    });
    for (const [precision, asked] of [
      ['float32', 'engine.blas: native'],
      ['bf16', 'engine.precision: bf16'],
    ] as const) {
      const choose = () => chooseSupplier({ ...auto, precision, blas: 'native' });
      const { reason } = generationSupport(precision);
      if (reason === null) expect(choose().choice).toMatchObject({ precision, supplier: native });
      else expect(choose).toThrow(asked);
    }
    expect(() => chooseSupplier({ ...auto, precision: 'bf16', blas: 'openblas' })).toThrow(
      'bf16 needs blas: native, onednn or auto, not openblas',
    );
    if (process.platform !== 'darwin') {
      expect(() => chooseSupplier({ ...auto, blas: 'accelerate' })).toThrow(
        /^engine\.blas: accelerate does not work here: Accelerate is not installed\. .* or use blas: auto\.$/,
      );
    }
  });

  it('is another one, with a line that says so, where a config names a library that is not supported any more', () => {
    const { choice } = chooseSupplier(auto);
    for (const blas of ['blis', 'mkl', 'onednn'] as const) {
      const chosen = chooseSupplier({ ...auto, blas });
      expect(chosen.choice).toEqual(choice);
      expect(chosen.notes[0]).toBe(`engine.blas: ${blas} is not supported any more, and taken as auto.`);
    }
    const recorded = { library: 'blis', path: '/usr/lib/libblis.so.4', version: '0.9.0', kernels: 'zen3' };
    expect(chooseSupplier(auto, recordedWith(recorded as unknown as LibrarySupplier)).choice).toEqual(choice);
  });

  it.skipIf(process.platform !== 'linux')('is never a file that is no library, nor one that only a run names', () => {
    const fake = join(folder, 'libopenblas.so.0');
    writeFileSync(fake, 'not a library');
    const recorded = { library: 'openblas', path: fake, version: '', kernels: '' } as const;
    expect(chooseSupplier(auto, recordedWith(recorded)).choice).toEqual(chooseSupplier(auto).choice);
    vi.stubEnv('RECAP_BLAS_PATH', folder);
    const [first, ...others] = installedLibraries().filter(({ library }) => library === 'openblas');
    expect(first!.path).toBe(fake);
    if (others.length > 0) {
      // One that is installed elsewhere is tried next.
      expect(tryLibrary('openblas', 'float32')).toMatchObject({ supplier: { path: others[0]!.path } });
    } else {
      expect(() => chooseSupplier({ ...auto, blas: 'openblas' })).toThrow(
        /^engine\.blas: openblas does not work here: OpenBLAS: .*load.*/i,
      );
    }
  });
});

describeWith({ generated: 'float32' }, 'where kernels can be generated, the supplier', () => {
  it('is these, also for a run that WebAssembly of the same bits computed so far', () => {
    expect(chooseSupplier(auto)).toEqual({ choice: recordedWith(native), notes: [] });
    const wasm = recordedWith({ library: 'wasm' });
    const { choice } = chooseSupplier(auto, wasm);
    expect(choice).toEqual(bestInstructionSet() === 'wasm relaxed simd' ? recordedWith(native) : wasm);
  });
});

describeWith({ blas: 'openblas' }, 'where OpenBLAS is installed, the supplier', () => {
  it('is OpenBLAS if the config asks for it, and for a run that it computed so far', () => {
    const { choice } = chooseSupplier({ ...auto, blas: 'openblas' });
    expect(choice.supplier).toMatchObject({ library: 'openblas', version: expect.stringMatching(/^\d+\.\d+/) });
    expect(chooseSupplier(auto, choice).choice).toEqual(choice);
    const another = { ...(choice.supplier as LibrarySupplier), version: '0.0.1' };
    expect(chooseSupplier(auto, recordedWith(another)).choice).toEqual(chooseSupplier(auto).choice);
  });
});
