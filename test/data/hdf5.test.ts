import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Dataset } from 'h5wasm/node';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Hdf5Reader } from '../../src/data/hdf5.js';
import { Hdf5Failure, Hdf5Thread } from '../../src/data/hdf5-client.js';
import { featureTables, type Tables, temporaryFolder, writeHdf5 } from './tiny-dataset.js';

const matrix = { features: { rank: 2, numbers: 'floats' } } as const;

const reader = new Hdf5Reader();
let path: string;
afterAll(() => reader.close());
beforeEach(() => {
  path = join(temporaryFolder(), 'data.h5');
});

async function readFeatures(type: 'float32' | 'float64' = 'float32') {
  const { features } = await reader.describe(path, matrix);
  return reader.read(features, type);
}

async function readIntegers() {
  const { ids } = await reader.describe(path, { ids: { rank: 1, numbers: 'integers' } });
  return reader.read(ids, 'int32');
}

describe('Reading tables', () => {
  it('gives the values row by row in shared memory', async () => {
    await writeHdf5(path, featureTables(4, 3));
    const values = await readFeatures();
    expect(values).toEqual(Float32Array.from({ length: 12 }, (_, i) => i / 4));
    expect(values.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('puts a table of many blocks and packed chunks, cut across rows and columns, together', async () => {
    const [rows, columns] = [701, 1501];
    const data = Float32Array.from({ length: rows * columns }, (_, i) => Math.fround(Math.sin(i)));
    await writeHdf5(path, { features: { data, shape: [rows, columns], chunks: [400, 600], compression: 4 } });
    const values = await readFeatures();
    expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from(data.buffer))).toBe(0);
  });

  it('keeps the digits of float64 where asked, and rounds them to float32 otherwise', async () => {
    await writeHdf5(path, { features: { data: Float64Array.of(1 / 3, -1e-300), shape: [1, 2] } });
    expect(await readFeatures('float64')).toEqual(Float64Array.of(1 / 3, -1e-300));
    expect(await readFeatures('float32')).toEqual(Float32Array.of(1 / 3, -0));
  });

  it('turns float32 into float64 exactly', async () => {
    await writeHdf5(path, { features: { data: Float32Array.of(0.1, 2), shape: [1, 2] } });
    expect(await readFeatures('float64')).toEqual(Float64Array.of(Math.fround(0.1), 2));
  });

  it.each(['<b', '<B', '<h', '<H', '<i', '<I', '<q', '<Q'])('reads integers of type %s', async (dtype) => {
    await writeHdf5(path, { ids: { data: [7, 0, 100], shape: [3], dtype } });
    expect(await readIntegers()).toEqual(Int32Array.of(7, 0, 100));
  });
});

describe('A table that cannot be used is named with what is wrong', () => {
  const refused: [string, Tables, RegExp][] = [
    ['missing', { other: { data: [1], shape: [1] } }, /no data set 'features', only "other"/],
    ['in an empty file', {}, /no data set 'features'; the file is empty or damaged/],
    [
      'a vector',
      { features: { data: Float32Array.of(1, 2), shape: [2] } },
      /has shape \(2\) of float32, where a matrix/,
    ],
    [
      'integers',
      { features: { data: Int32Array.of(1, 2), shape: [1, 2] } },
      /of int32, where a matrix of floats is expected \(float32 or float64\)/,
    ],
    ['text', { features: { data: ['a', 'b'], shape: [1, 2] } }, /of text, where a matrix of floats/],
    ['empty', { features: { data: new Float32Array(0), shape: [0, 2] } }, /is empty \(shape \(0, 2\)\)/],
    ['NaN', { features: { data: Float32Array.of(0, 1, 2, Number.NaN), shape: [2, 2] } }, /has NaN in row 1, column 1/],
    [
      'infinite',
      { features: { data: Float32Array.of(0, -Infinity, 2, 3), shape: [2, 2] } },
      /has -Infinity in row 0, column 1/,
    ],
    ['too large', { features: { data: Float64Array.of(0, 1e300), shape: [1, 2] } }, /has 1e\+300 in row 0, column 1/],
  ];
  it.each(refused)('%s', async (_, tables, message) => {
    await writeHdf5(path, tables);
    await expect(readFeatures()).rejects.toThrow(message);
    await expect(readFeatures()).rejects.toThrow(path);
  });

  it('integers beyond int32', async () => {
    await writeHdf5(path, { ids: { data: [1, 2 ** 40], shape: [2], dtype: '<q' } });
    await expect(readIntegers()).rejects.toThrow(/has 1099511627776 in row 1/);
  });

  it('floats where integers are expected', async () => {
    await writeHdf5(path, { ids: { data: Float32Array.of(1, 2), shape: [2] } });
    await expect(readIntegers()).rejects.toThrow(/of float32, where a vector of integers is expected/);
  });

  it('a group', async () => {
    await writeHdf5(path, {}, (root) => root.create_group('features'));
    await expect(readFeatures()).rejects.toThrow(/'features' is a group, where a data set is expected/);
  });

  it('a link to nowhere', async () => {
    await writeHdf5(path, {}, (root) => root.create_soft_link('/nowhere', 'features'));
    await expect(readFeatures()).rejects.toThrow(/'features' is a broken link/);
  });

  it('links in a circle', async () => {
    await writeHdf5(path, {}, (root) => {
      root.create_soft_link('/back', 'features');
      root.create_soft_link('/features', 'back');
    });
    await expect(readFeatures()).rejects.toThrow(/'features' is a broken link/);
  });

  it('a link into another file', async () => {
    await writeHdf5(path, {}, (root) => root.create_external_link('other.h5', '/features', 'features'));
    await expect(readFeatures()).rejects.toThrow(/'features' is an external link/);
  });

  it('a link to a table in the same file is followed', async () => {
    await writeHdf5(path, { real: featureTables().features! }, (root) => root.create_soft_link('/real', 'features'));
    expect(await readFeatures()).toHaveLength(6);
  });

  it('claiming more than the file can hold', async () => {
    const storage = { maxshape: [1009, 2], chunks: [1009, 2] };
    await writeHdf5(path, { features: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2], ...storage } });
    const bytes = readFileSync(path);
    // The dimensions of the dataspace, then their maxima.
    const at = bytes.indexOf(Buffer.from(BigUint64Array.of(2n, 2n, 1009n, 2n).buffer));
    bytes.writeBigUInt64LE(2n ** 30n, at);
    bytes.writeBigUInt64LE(2n ** 30n, at + 16);
    writeFileSync(path, bytes);
    await expect(readFeatures()).rejects.toThrow(
      /claims shape \(1073741824, 2\) of float32, 8\.59 GB, more than a file/,
    );
  });

  it('larger than the memory of this machine', async () => {
    const storage = { maxshape: [null, 1024], chunks: [1024, 1024], compression: 1 };
    const features = { data: new Float32Array(1024), shape: [1, 1024], ...storage };
    // Rows that were never written take no room in the file, which only has to be large enough for a packed table.
    const rows = Math.ceil((1.5 * totalmem()) / (1024 * 4));
    await writeHdf5(path, { features }, (root) => (root.get('features') as Dataset).resize([rows, 1024]));
    truncateSync(path, Math.ceil(totalmem() / 500));
    await expect(readFeatures()).rejects.toThrow(/needs [\d.]+ GiB, more than this machine can give \([\d.]+ GiB\)/);
  });

  it('packed by a filter that the library does not bring along', async () => {
    const storage = { chunks: [2, 3], compression: 1 };
    await writeHdf5(path, { features: { ...featureTables().features!, ...storage } });
    const bytes = readFileSync(path);
    // The filter's number, the length of its name and two more numbers of two bytes stand before its name.
    const at = bytes.indexOf('deflate');
    bytes.writeUInt16LE(32000, at - 8);
    bytes.write('lzf\0\0\0\0', at, 'latin1');
    writeFileSync(path, bytes);
    await expect(readFeatures()).rejects.toThrow(
      /'features' is packed by the filter "lzf" \(number 32000\), which is not read here; expected gzip or none/,
    );
  });

  it('in chunks that would take all memory', async () => {
    const storage = { maxshape: [null, null], chunks: [20_000, 2_000], compression: 1 };
    await writeHdf5(path, { features: { data: new Float32Array(4), shape: [2, 2], ...storage } });
    await expect(readFeatures()).rejects.toThrow(/stored in chunks of 160\.0 MB, more than the 134\.2 MB allowed/);
  });
});

describe.skipIf(process.platform !== 'linux')('Without address space for the library', () => {
  it('a sound file is not called damaged', async () => {
    await writeHdf5(path, featureTables());
    const script = `
      const { Hdf5Reader } = await import(${JSON.stringify(new URL('../../dist/src/data/hdf5.js', import.meta.url).href)});
      const expected = { features: { rank: 2, numbers: 'floats' } };
      await new Hdf5Reader().describe(process.argv[1], expected).catch(({ message }) => console.log(message));
    `;
    const limited = 'ulimit -v 9000000; exec "$0" --input-type=module -e "$1" "$2"';
    const said = execFileSync('bash', ['-c', limited, process.execPath, script, path], { encoding: 'utf8' });
    expect(said).toMatch(/^.*data\.h5: cannot be read for lack of memory\. [^\n]*\n$/);
  });
});

describe('A file that cannot be used is named with what is wrong', () => {
  it('is missing', async () => {
    await expect(readFeatures()).rejects.toThrow(`${path}: no such file.`);
  });

  it('is a folder', async () => {
    path = temporaryFolder();
    await expect(readFeatures()).rejects.toThrow(/not a file, where an HDF5 file is expected/);
  });

  it('is a pipe, which is not waited for', async () => {
    execFileSync('mkfifo', [path]);
    await expect(readFeatures()).rejects.toThrow(/not a file, where an HDF5 file is expected/);
  });

  it('is a link to itself', async () => {
    symlinkSync(path, path);
    await expect(readFeatures()).rejects.toThrow(`${path}: cannot be opened (ELOOP).`);
  });

  it('is empty', async () => {
    writeFileSync(path, '');
    await expect(readFeatures()).rejects.toThrow(/not an HDF5 file \(it is empty\)/);
  });

  it('is something else', async () => {
    writeFileSync(path, 'hello\n');
    await expect(readFeatures()).rejects.toThrow(/not an HDF5 file \(it starts with "hello\\n"\)/);
  });

  it('is cut anywhere', async () => {
    await writeHdf5(path, featureTables(20, 30));
    const whole = readFileSync(path);
    for (let length = whole.length - 1; length > 0; length -= 211) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      await expect(readFeatures()).rejects.toThrow(
        length < 8 ? /not an HDF5 file/ : /: truncated: \d+ bytes of .* are there/,
      );
    }
  });

  it('has nothing sound behind its first block', async () => {
    await writeHdf5(path, featureTables());
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0x55, 96));
    await expect(readFeatures()).rejects.toThrow(/cannot be read as HDF5; the file is damaged/);
  });

  it('has damaged data, and the same reader still reads another file', async () => {
    const data = Float32Array.from({ length: 600 }, Math.random);
    await writeHdf5(path, { features: { data, shape: [20, 30], chunks: [20, 30], compression: 9 } });
    const bytes = readFileSync(path);
    bytes.fill(0x55, bytes.length - 1500, bytes.length - 200);
    writeFileSync(path, bytes);
    await expect(readFeatures()).rejects.toThrow(/data set 'features' cannot be read; the file is damaged/);
    path = join(temporaryFolder(), 'whole.h5');
    await writeHdf5(path, featureTables());
    expect(await readFeatures()).toHaveLength(6);
  });

  it('shows no progress in the time allowed', async () => {
    await writeHdf5(path, featureTables());
    const impatient = new Hdf5Reader(1);
    await expect(impatient.describe(path, matrix)).rejects.toThrow(/no progress in 0\.001 s of reading/);
    await impatient.close();
  });
});

describe('Writing tables', () => {
  const thread = new Hdf5Thread();
  afterAll(() => thread.close());

  it('puts blocks of any number of rows one behind the other, each in memory that the next one takes', async () => {
    const [rows, columns] = [1000, 300];
    const value = (i: number) => Math.fround(Math.sin(i));
    function* blocks() {
      const block = new Float32Array(new SharedArrayBuffer(400 * columns * 4));
      for (const [from, height] of [
        [0, 1],
        [1, 400],
        [401, 399],
        [800, 200],
      ] as const) {
        for (let i = 0; i < height * columns; i++) block[i] = value(from * columns + i);
        yield block.subarray(0, height * columns);
      }
    }
    await thread.write(path, [
      { name: 'features', shape: [rows, columns], blocks: blocks() },
      { name: 'ids', shape: [3], blocks: [Int32Array.of(7, 0), Int32Array.of(100)] },
    ]);
    const values = await readFeatures();
    expect(values).toEqual(Float32Array.from({ length: rows * columns }, (_, i) => value(i)));
    expect(await readIntegers()).toEqual(Int32Array.of(7, 0, 100));
  });

  it('fails where no file can be made', async () => {
    const write = thread.write(join(path, 'x'), [{ name: 'ids', shape: [1], blocks: [Int32Array.of(1)] }]);
    await expect(write).rejects.toThrow(Hdf5Failure);
  });
});
