import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { File, ready } from 'h5wasm/node';
import { expect, it } from 'vitest';
import { temporaryFolder } from './tiny-dataset.js';

const folder = temporaryFolder();

/** Half a gigabyte: large enough that a second copy would show. */
const rows = 120 * 1024;
const columns = [1024];
/** As many bytes, of grids that are kept in half of them. */
const gridRows = 30 * 1024;
const gridColumns = [64, 64];

async function writeLargeFile(path: string, name: string, height: number, width: readonly number[]): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  const rowSize = width.reduce((product, size) => product * size, 1);
  const block = new Float32Array(1024 * rowSize);
  const table = file.create_dataset({
    name,
    data: block,
    shape: [1024, ...width],
    maxshape: [null, ...width],
    chunks: [(1 << 20) / rowSize, ...width],
    compression: 1,
  });
  table.resize([height, ...width]);
  for (let row = 0; row < height; row += 1024) {
    block[0] = row;
    table.write_slice([[row, row + 1024], ...width.map((): [] => [])], block);
  }
  file.close();
}

/** Reads the file's table in a process of its own, and tells that process's peak. */
function readAlone(path: string, name: string, expectation: object, type: string) {
  const program = `
    import { Hdf5Reader } from ${JSON.stringify(new URL('../../dist/src/data/hdf5.js', import.meta.url).href)};
    const [path, name, expectation, type] = process.argv.slice(1);
    const reader = new Hdf5Reader();
    const { [name]: table } = await reader.describe(path, { [name]: JSON.parse(expectation) });
    const data = await reader.read(table, type);
    await reader.close();
    const last = data[(table.rows - 1024) * table.columns];
    console.log(JSON.stringify({ bytes: data.byteLength, last, peak: process.resourceUsage().maxRSS * 1024 }));`;
  const output = execFileSync(
    process.execPath,
    ['--input-type=module', '-e', program, path, name, JSON.stringify(expectation), type],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)), encoding: 'utf8' },
  );
  return JSON.parse(output) as { bytes: number; last: number; peak: number };
}

it('Features are read with less than a quarter of their size, and 300 MB, of memory beside them', async () => {
  const path = join(folder, 'large.h5');
  await writeLargeFile(path, 'features', rows, columns);
  const { bytes, last, peak } = readAlone(path, 'features', { rank: 2, numbers: 'floats' }, 'float32');
  expect(bytes).toBe(rows * 1024 * 4);
  expect(last).toBe(rows - 1024);
  expect(peak).toBeLessThan(1.25 * bytes + 300e6);
});

it('Grids are rounded to float16 as they are read, with less than 200 MB of memory beside them', async () => {
  const path = join(folder, 'grids.h5');
  await writeLargeFile(path, 'grid', gridRows, gridColumns);
  const { bytes, peak } = readAlone(path, 'grid', { rank: 3, numbers: 'smallFloats' }, 'float16');
  expect(bytes).toBe(gridRows * 64 * 64 * 2);
  expect(peak).toBeLessThan(bytes + 200e6);
});
