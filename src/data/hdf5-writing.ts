/** What the HDF5 thread writes: tables, block by block. */
import { File, Module, ready } from 'h5wasm/node';
import { blockBytes, OutOfMemoryError } from './hdf5-blocks.js';

/** A table to be written. */
export interface NewTable {
  readonly name: string;
  readonly data: Int32Array | Float32Array | Float64Array;
  readonly shape: readonly number[];
}

/** Bytes of a chunk, about. */
const chunkBytes = 256 << 10;

/** Makes a new file of these tables, unpacked, in chunks of whole rows. */
export async function write(path: string, tables: readonly NewTable[], progress: () => void): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  if (BigInt(file.file_id) < 0n) throw new Error('cannot be made');
  for (const table of tables) writeTable(file, table, progress);
  if (file.close() < 0) throw new Error('cannot be written');
}

/** Block by block, so that the library holds no second copy of the table. */
function writeTable(file: File, { name, data, shape }: NewTable, progress: () => void): void {
  const [rows, ...inner] = shape as [number, ...number[]];
  const columns = inner.reduce((product, size) => product * size, 1);
  const rowBytes = columns * data.BYTES_PER_ELEMENT;
  const chunkRows = Math.min(rows, Math.max(1, Math.floor(chunkBytes / rowBytes)));
  const blockRows = Math.min(rows, chunkRows * Math.max(1, Math.floor(blockBytes / (chunkRows * rowBytes))));
  // The library makes no table without data: it gets the first row, which is written again below, where a failure shows.
  const first = data.subarray(0, columns);
  file.create_dataset({ name, data: first, shape: [1, ...inner], maxshape: [...shape], chunks: [chunkRows, ...inner] });
  Module.resize_dataset(file.file_id, name, shape.map(BigInt));
  const pointer = Module._malloc(blockRows * rowBytes);
  if (pointer === 0) throw new OutOfMemoryError();
  try {
    for (let row = 0; row < rows; row += blockRows) {
      const height = Math.min(blockRows, rows - row);
      const block = data.subarray(row * columns, (row + height) * columns);
      Module.HEAPU8.set(new Uint8Array(block.buffer, block.byteOffset, block.byteLength), pointer);
      const count = [height, ...inner].map(BigInt);
      const offset = [row, ...inner.map(() => 0)].map(BigInt);
      const stride = count.map(() => 1n);
      const status = Module.set_dataset_data(file.file_id, name, count, offset, stride, BigInt(pointer));
      if (status < 0) throw new Error(`rows from ${row} cannot be written`);
      progress();
    }
  } finally {
    Module._free(pointer);
  }
}
