// Compiles the AssemblyScript kernels of the cpu engine twice: with plain SIMD, which every Node that we support runs,
// and with relaxed SIMD, whose multiply-add is one instruction.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = 'dist/src/engine/cpu';
await mkdir(`${root}${out}`, { recursive: true });

for (const [name, features] of [
  ['kernels', ['simd', 'threads']],
  ['kernels-relaxed', ['simd', 'relaxed-simd', 'threads']],
]) {
  const { error, stderr } = await asc.main([
    'src/engine/cpu/wasm/index.ts',
    ...['--baseDir', root, '--outFile', `${out}/${name}.wasm`],
    ...['-O3', '--noAssert', '--converge', '--runtime', 'stub'],
    ...features.flatMap((feature) => ['--enable', feature]),
    // One memory, shared by all threads, of whatever size the run needs.
    ...['--importMemory', '--noExportMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ]);
  if (error) {
    console.error(`${stderr.toString()}\nThe WebAssembly kernels did not compile: ${error.message}`);
    process.exit(1);
  }
}
