import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

it('kernels that were not built are named with the command that builds them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'recap-kernels-'));
  // Under node_modules vitest leaves the loading to Node.
  const unbuilt = join(folder, 'node_modules', 'recap');
  try {
    for (const file of ['errors.js', 'one-line.js', 'engine/cpu/kernels.js']) {
      cpSync(join('dist/src', file), join(unbuilt, file));
    }
    writeFileSync(join(unbuilt, 'package.json'), '{"type":"module"}');
    const { loadKernels } = await import(pathToFileURL(join(unbuilt, 'engine/cpu/kernels.js')).href);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    expect(() => loadKernels(memory)).toThrow(
      /^The WebAssembly kernels are not built: .*kernels-relaxed\.wasm is missing\. Run: npm run build$/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
