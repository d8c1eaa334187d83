/**
 * Rows of features on their way into HDF5: appended to files of nothing but numbers, so that what a killed process has
 * written is there, and of a row that it was writing nothing counts.
 */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';

/** A file of (rows, columns) float32. */
export class FeatureRows {
  private readonly file: number;
  /** Whole rows in the file. */
  rows: number;

  constructor(
    readonly path: string,
    readonly columns: number,
  ) {
    this.rows = existsSync(path) ? Math.floor(statSync(path).size / (4 * columns)) : 0;
    this.file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666);
  }

  /** Leaves the first `rows` rows. */
  cutTo(rows: number): void {
    ftruncateSync(this.file, 4 * rows * this.columns);
    this.rows = rows;
  }

  append(values: Float32Array): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const start = 4 * this.rows * this.columns;
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.file, bytes, done, bytes.length - done, start + done);
    }
    this.rows += values.length / this.columns;
  }

  flush(): void {
    fsyncSync(this.file);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** Bytes of a block, about. */
const blockBytes = 16 << 20;

/**
 * The rows of such a file in blocks, each of which is valid until the next one is asked for.
 *
 * @throws Error when the file has fewer rows
 */
export function* rowBlocks(path: string, rows: number, columns: number): Generator<Float32Array> {
  const height = Math.max(1, Math.min(rows, Math.floor(blockBytes / (4 * columns))));
  const block = new Float32Array(new SharedArrayBuffer(4 * height * columns));
  const file = openSync(path, 'r');
  try {
    for (let row = 0; row < rows; row += height) {
      const values = block.subarray(0, Math.min(height, rows - row) * columns);
      readWhole(file, values, 4 * row * columns);
      yield values;
    }
  } finally {
    closeSync(file);
  }
}

function readWhole(file: number, target: Float32Array, position: number): void {
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(file, bytes, done, bytes.length - done, position + done);
    if (count === 0) throw new Error('too few rows');
    done += count;
  }
}
