import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import {
  bestGeneratedSet,
  generationSupport,
} from '../../../../../src/engine/cpu/suppliers/native/generated-kernels.js';
import { supplierTitle } from '../../../../../src/engine/cpu/suppliers/supplier.js';
import { describeWith } from '../../../../support/requirements.js';

const module = new URL('../../../../../dist/src/engine/cpu/suppliers/native/generated-kernels.js', import.meta.url);
const koffiModule = new URL('../../../../../dist/src/engine/cpu/suppliers/blas/koffi.js', import.meta.url);

/** What the expression over `support` gives in a process of its own, after `before`. */
function inProcess(before: string, ...options: string[]): unknown {
  const script = `${before}
    const { generationSupport } = await import('${module}');
    console.log(JSON.stringify(generationSupport()));`;
  const output = execFileSync(process.execPath, [...options, '--input-type=module', '-e', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output);
}

describeWith({ generated: true }, 'kernels are generated', () => {
  it('for the best instructions that the processor has, and say so', () => {
    expect(generationSupport().sets).toContain(bestGeneratedSet());
    expect(supplierTitle({ precision: 'float32', supplier: { library: 'native' } })).toBe(
      `${bestGeneratedSet()} kernels that recap generates`,
    );
  });

  it('nowhere that the system forbids executable memory', () => {
    // Linux can take from a process the right to make written memory executable, since version 6.3.
    const forbid = `
      const { koffi } = await import('${koffiModule}');
      const prctl = koffi().load(null).func('int prctl(int, uintptr_t, uintptr_t, uintptr_t, uintptr_t)');
      if (prctl(65, 1, 0, 0, 0) !== 0) { console.log('{"sets":[],"reason":"the system forbids executable memory"}'); process.exit(); }`;
    const reason = 'the system forbids executable memory';
    expect(inProcess(forbid, '--jitless')).toEqual({ sets: [], reason });
  });
});
