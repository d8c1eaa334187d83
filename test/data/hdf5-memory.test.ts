import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { File, ready } from 'h5wasm/node';
import { expect, it } from 'vitest';
import { temporaryFolder } from './tiny-dataset.js';

const folder = temporaryFolder();

/** Half a gigabyte: large enough that a second copy would show. */
const [rows, columns] = [120 * 1024, 1024];

async function writeLargeFile(path: string): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  const block = new Float32Array(1024 * columns);
  const features = file.create_dataset({
    name: 'features',
    data: block,
    shape: [1024, columns],
    maxshape: [null, columns],
    chunks: [1024, columns],
    compression: 1,
  });
  features.resize([rows, columns]);
  for (let row = 0; row < rows; row += 1024) {
    block[0] = row;
    features.write_slice([[row, row + 1024], []], block);
  }
  file.close();
}

it('Features are read with less than a quarter of their size, and 300 MB, of memory beside them', async () => {
  const path = join(folder, 'large.h5');
  await writeLargeFile(path);
  const program = `
    import { Hdf5Reader } from ${JSON.stringify(new URL('../../dist/src/data/hdf5.js', import.meta.url).href)};
    const reader = new Hdf5Reader();
    const { features } = await reader.describe(process.argv[1], { features: { rank: 2, numbers: 'floats' } });
    const data = await reader.read(features, 'float32');
    await reader.close();
    const last = data[(features.rows - 1024) * features.columns];
    console.log(JSON.stringify({ bytes: data.byteLength, last, peak: process.resourceUsage().maxRSS * 1024 }));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program, path], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  const { bytes, last, peak } = JSON.parse(output);
  expect(bytes).toBe(rows * columns * 4);
  expect(last).toBe(rows - 1024);
  expect(peak).toBeLessThan(1.25 * bytes + 300e6);
});
