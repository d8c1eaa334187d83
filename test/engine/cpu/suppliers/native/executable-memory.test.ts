import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { loadCode } from '../../../../../src/engine/cpu/suppliers/native/executable-memory.js';
import { Assembler } from '../../../../../src/engine/cpu/suppliers/native/x64/assembler.js';
import { processorFeatures } from '../../../../../src/engine/cpu/suppliers/native/x64/features.js';
import { at, rax, rdi, rsi } from '../../../../../src/engine/cpu/suppliers/native/x64/operands.js';
import { koffi } from '../../../../../src/foreign/koffi.js';
import { describeWith } from '../../../../support/requirements.js';

/** Bytes mapped of no file with these permissions. Their mappings cannot be counted: neighbours become one. */
function mappedBytes(permissions: string): number {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const fitting = lines.filter((line) => / (\S{4}) /.exec(line)?.[1] === permissions && /^(\S+\s+){4}0\s*$/.test(line));
  return fitting.reduce((sum, line) => {
    const [from, to] = line.split(/[- ]/).map((address) => Number.parseInt(address, 16));
    return sum + to! - from!;
  }, 0);
}

describeWith({ generated: 'float32' }, 'generated code', () => {
  it('runs from memory that cannot be written', () => {
    const asm = new Assembler();
    asm.add(rsi, 1);
    asm.mov(rax, rsi);
    asm.mov(at(rdi), rax);
    asm.ret();
    const before = { runnable: mappedBytes('r-xp'), both: mappedBytes('rwxp') };
    const { increment } = loadCode(asm.finish(), { increment: { offset: 0, parameters: 2 } });
    const out = new BigInt64Array(1);
    increment(Number(koffi().address(out)), 41);
    expect(out[0]).toBe(42n);
    expect(mappedBytes('r-xp')).toBe(before.runnable + 4096);
    expect(mappedBytes('rwxp')).toBeLessThanOrEqual(before.both);
  });

  it('asks the processor for the features that the system reports', () => {
    const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.split(' '));
    const has = (...names: string[]) => names.every((name) => flags.has(name));
    expect(processorFeatures()).toEqual({
      avx2: has('avx2', 'fma'),
      avx512: has('avx2', 'fma', 'avx512f', 'avx512dq', 'avx512bw', 'avx512vl'),
      avx512Bf16: has('avx512f', 'avx512_bf16'),
    });
  });

  it('runs in worker threads', async () => {
    const module = new URL('../../../../../dist/src/engine/cpu/suppliers/native/x64/features.js', import.meta.url);
    const code = `import('${module}').then(({ processorFeatures }) =>
      require('node:worker_threads').parentPort.postMessage(processorFeatures()))`;
    const answers = [1, 2].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(code, { eval: true });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    );
    expect(await Promise.all(answers)).toEqual([processorFeatures(), processorFeatures()]);
  });
});
