import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import {
  bestGeneratedSet,
  generationSupport,
} from '../../../../../src/engine/cpu/suppliers/native/generated-kernels.js';
import { supplierTitle } from '../../../../../src/engine/cpu/suppliers/supplier.js';
import { describeWith } from '../../../../support/requirements.js';

const module = new URL('../../../../../dist/src/engine/cpu/suppliers/native/generated-kernels.js', import.meta.url);
const koffiModule = new URL('../../../../../dist/src/foreign/koffi.js', import.meta.url);

/** What the expression over `support` gives in a process of its own, after `before`. */
function inProcess(before: string, ...options: string[]): unknown {
  const script = `${before}
    const { generationSupport } = await import('${module}');
    console.log(JSON.stringify(['float32', 'bf16'].map(generationSupport)));`;
  const output = execFileSync(process.execPath, [...options, '--input-type=module', '-e', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output);
}

describeWith({ generated: 'float32' }, 'kernels are generated', () => {
  it('for the best instructions that the processor has, and say so', () => {
    for (const precision of ['float32', 'bf16'] as const) {
      const { sets, reason } = generationSupport(precision);
      if (reason !== null) {
        expect(() => bestGeneratedSet(precision)).toThrow(reason);
        continue;
      }
      const best = sets.at(-1)!;
      expect(bestGeneratedSet(precision)).toBe(best);
      expect(supplierTitle({ precision, supplier: { library: 'native' } })).toBe(
        `${best} kernels that recap generates`,
      );
    }
  });

  it('nowhere that the system forbids executable memory', () => {
    // Linux can take from a process the right to make written memory executable, since version 6.3.
    const forbid = `
      const { koffi } = await import('${koffiModule}');
      const prctl = koffi().load(null).func('int prctl(int, uintptr_t, uintptr_t, uintptr_t, uintptr_t)');
      const nothing = { sets: [], reason: 'the system forbids executable memory' };
      if (prctl(65, 1, 0, 0, 0) !== 0) { console.log(JSON.stringify([nothing, nothing])); process.exit(); }`;
    const nothing = { sets: [], reason: 'the system forbids executable memory' };
    expect(inProcess(forbid, '--jitless')).toEqual([nothing, nothing]);
  });
});
