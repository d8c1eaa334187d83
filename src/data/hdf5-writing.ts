/** What the HDF5 thread writes: new files of tables that come in blocks of rows. */
import { File, Module } from 'h5wasm/node';
import { OutOfMemoryError } from './hdf5-blocks.js';

export type TableBlock = Int32Array | Float32Array | Float64Array;

/** A table to be written. */
export interface NewTable {
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * Its numbers, all of one type, in blocks of whole rows. A block may be overwritten by the next one if it is on a
   * SharedArrayBuffer, which is not copied on its way to the thread: each is asked for when the one before is written.
   */
  readonly blocks: Iterable<TableBlock>;
}

/** Bytes of a chunk, about. */
const chunkBytes = 256 << 10;

/** A file whose tables are unpacked, in chunks of whole rows. Needs the library to be ready. */
export class NewHdf5File {
  private readonly file: File;
  /** Rows that each table has so far. */
  private readonly rows = new Map<string, number>();

  constructor(path: string) {
    this.file = new File(path, 'w');
    if (BigInt(this.file.file_id) < 0n) throw new Error('cannot be made');
  }

  /** Puts a block behind those before. @param shape of the whole table */
  append(name: string, shape: readonly number[], block: TableBlock): void {
    const [, ...inner] = shape as [number, ...number[]];
    const height = block.length / inner.reduce((product, size) => product * size, 1);
    const row = this.rows.get(name) ?? 0;
    if (row === 0) this.create(name, shape, block);
    const pointer = Module._malloc(block.byteLength);
    if (pointer === 0) throw new OutOfMemoryError();
    try {
      Module.HEAPU8.set(new Uint8Array(block.buffer, block.byteOffset, block.byteLength), pointer);
      const count = [height, ...inner].map(BigInt);
      const offset = [row, ...inner.map(() => 0)].map(BigInt);
      const stride = count.map(() => 1n);
      const { file_id: id } = this.file;
      const status = Module.set_dataset_data(id, name, count, offset, stride, BigInt(pointer));
      if (status < 0) throw new Error(`rows from ${row} cannot be written`);
    } finally {
      Module._free(pointer);
    }
    this.rows.set(name, row + height);
  }

  close(): void {
    if (this.file.close() < 0) throw new Error('cannot be written');
  }

  /** The library makes no table without data, and does not say if that failed: it gets a row, which is written again. */
  private create(name: string, shape: readonly number[], block: TableBlock): void {
    const [rows, ...inner] = shape as [number, ...number[]];
    const columns = inner.reduce((product, size) => product * size, 1);
    const chunkRows = Math.min(rows, Math.max(1, Math.floor(chunkBytes / (columns * block.BYTES_PER_ELEMENT))));
    this.file.create_dataset({
      name,
      data: block.subarray(0, columns),
      shape: [1, ...inner],
      maxshape: [...shape],
      chunks: [chunkRows, ...inner],
    });
    Module.resize_dataset(this.file.file_id, name, shape.map(BigInt));
  }
}
