/**
 * Reads number tables out of HDF5 files into shared memory. Everything that a file claims about itself is checked before
 * memory is taken for it.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { UserError } from '../errors.js';
import { usableMemory } from '../files/container-limits.js';
import { NotAFileError, openRegularFile } from '../files/regular-file.js';
import { type ElementArray, type ElementType, elementBytes, elementsOn } from './element-types.js';
import type { Hdf5Description, Hdf5Entry } from './hdf5-blocks.js';
import { Hdf5Failure, Hdf5Thread } from './hdf5-client.js';
import { quote } from './quote.js';

export interface Hdf5Table {
  readonly path: string;
  readonly name: string;
  readonly description: Hdf5Description;
  /** The first dimension. */
  readonly rows: number;
  /** The product of the other dimensions, 1 for a vector. */
  readonly columns: number;
}

export interface TableExpectation {
  readonly rank: 1 | 2 | 3;
  readonly numbers: keyof typeof typesOf;
}

/** Types of elements in a file that count as each kind of numbers, and how messages name them. */
const typesOf = {
  integers: { types: /^u?int(8|16|32|64)$/, name: 'integers', precisions: '' },
  floats: { types: /^float(32|64)$/, name: 'floats', precisions: ' (float32 or float64)' },
  smallFloats: { types: /^float(16|32)$/, name: 'floats', precisions: ' (float16 or float32)' },
} as const;

const ranks = ['', 'a vector', 'a matrix', 'a table of three dimensions'] as const;

/** deflate (gzip), shuffle, fletcher32, nbit and scaleoffset: those that the HDF5 library brings along, less szip. */
const builtInFilters: ReadonlySet<number> = new Set([1, 2, 3, 5, 6]);

/** gzip packs at most 1,030 to 1. */
const largestPacking = 1030;
/** A chunk is unpacked as a whole, in memory of its own. */
const largestChunkBytes = 128 << 20;

const again = 'Fetch or make the file again.';

export class Hdf5Reader {
  private readonly thread: Hdf5Thread;

  /**
   * @param patience milliseconds without progress after which a file is given up
   * @param elementsRead told how many more elements have been read, block by block
   */
  constructor(patience?: number, elementsRead?: (elements: number) => void) {
    this.thread = new Hdf5Thread(patience, elementsRead);
  }

  /**
   * Looks at the named tables of a file, all of which must be there, of the expected rank and type, and of a size that
   * the file can hold.
   *
   * @throws UserError naming the file and what is wrong with it
   */
  async describe<Name extends string>(
    path: string,
    expected: Readonly<Record<Name, TableExpectation>>,
  ): Promise<Record<Name, Hdf5Table>> {
    const fileBytes = checkHdf5File(path);
    const names = Object.keys(expected) as Name[];
    const entries = await this.thread.describe(path, names).catch((error) => {
      throw this.failure(error, path);
    });
    const tables: Partial<Record<Name, Hdf5Table>> = {};
    names.forEach((name, i) => {
      tables[name] = checkTable(path, name, entries[i]!, expected[name], fileBytes);
    });
    return tables as Record<Name, Hdf5Table>;
  }

  /**
   * The whole table, or the rows of tables of as many columns one behind the other; row-major, on a SharedArrayBuffer.
   *
   * @throws UserError when a file is damaged, or naming the first element that is NaN, infinite or out of range
   */
  async read(tables: Hdf5Table | readonly Hdf5Table[], targetType: 'int32'): Promise<Int32Array>;
  async read(
    tables: Hdf5Table | readonly Hdf5Table[],
    targetType: 'float32' | 'float64',
  ): Promise<Float32Array | Float64Array>;
  async read(
    tables: Hdf5Table | readonly Hdf5Table[],
    targetType: 'float16' | 'float32',
  ): Promise<Float32Array | Uint16Array>;
  async read(tables: Hdf5Table | readonly Hdf5Table[], targetType: ElementType): Promise<ElementArray> {
    const parts = [tables].flat();
    const elements = parts.map(({ rows, columns }) => rows * columns);
    const target = allocate(parts, targetType);
    let first = 0;
    for (const [i, table] of parts.entries()) {
      await this.readInto(target, first, table, targetType);
      first += elements[i]!;
    }
    return elementsOn(target, targetType);
  }

  private async readInto(
    target: SharedArrayBuffer,
    first: number,
    { path, name, description, rows, columns }: Hdf5Table,
    targetType: ElementType,
  ): Promise<void> {
    const request = { path, name, description, rows, columns, target, first, targetType };
    const unfit = await this.thread.read(request).catch((error) => {
      throw this.failure(error, path, name);
    });
    if (unfit) {
      const { row, column, value } = unfit;
      const tooLarge = targetType === 'float16' && Number.isFinite(value);
      throw new UserError(
        `${path}: '${name}' has ${value} in row ${row}, column ${column}, where a finite ${targetType} is expected. ` +
          `Make the file again or mend that row${tooLarge ? ', or keep float32 (data.gridPrecision)' : ''}.`,
      );
    }
  }

  async close(): Promise<void> {
    await this.thread.close();
  }

  private failure(error: unknown, path: string, part?: string): unknown {
    if (!(error instanceof Hdf5Failure)) return error;
    if (error.kind === 'notStarted' || error.kind === 'outOfMemory') {
      return new UserError(
        `${path}: cannot be read for lack of memory. End other programs, or raise the limit on address space (ulimit -v).`,
      );
    }
    if (error.kind === 'hung') {
      const seconds = this.thread.patience / 1000;
      return new UserError(`${path}: no progress in ${seconds} s of reading; damaged, or its disk is stuck. ${again}`);
    }
    return damaged(path, part);
  }
}

/** Elements of an array of numbers, at most, in the oldest version of Node that recap runs on. */
const mostElements = 2 ** 32;

function allocate(parts: readonly Hdf5Table[], type: ElementType): SharedArrayBuffer {
  const [first] = parts as [Hdf5Table];
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const bytes = rows * first.columns * elementBytes[type];
  const shape = shapeText([rows, ...first.description.shape.slice(1)]);
  const remedy = parts.length > 1 ? ' Set data.views to less.' : '';
  const what = `${first.path}: '${first.name}'${parts.length > 1 ? ' with its further views' : ''}, of shape ${shape},`;
  const tooLarge = () =>
    new UserError(
      `${what} needs ${(bytes / 2 ** 30).toFixed(1)} GiB, more than this machine can give ` +
        `(${(usableMemory() / 2 ** 30).toFixed(1)} GiB).${remedy}`,
    );
  if (bytes > usableMemory()) throw tooLarge();
  if (rows * first.columns > mostElements) {
    throw new UserError(`${what} has more than the ${mostElements} numbers that can be kept in one place.${remedy}`);
  }
  try {
    return new SharedArrayBuffer(bytes);
  } catch {
    throw tooLarge();
  }
}

function checkTable(
  path: string,
  name: string,
  entry: Hdf5Entry,
  expected: TableExpectation,
  fileBytes: number,
): Hdf5Table {
  if (entry.kind === 'missing') {
    const present = entry.present.slice(0, 8).map((key) => quote(key, 24));
    if (present.length === 0)
      throw new UserError(`${path}: no data set '${name}'; the file is empty or damaged. ${again}`);
    const more = entry.present.length > present.length ? ', …' : '';
    throw new UserError(`${path}: no data set '${name}', only ${present.join(', ')}${more}. Is it the right file?`);
  }
  if (entry.kind === 'unreadable') throw damaged(path, name);
  if (entry.kind !== 'dataset') {
    throw new UserError(
      `${path}: '${name}' is ${withArticle(entry.kind)}, where a data set is expected. Copy the data into this file.`,
    );
  }
  const { description } = entry;
  const { shape, dtype } = description;
  const { types, name: numbers, precisions } = typesOf[expected.numbers];
  const typeFits = types.test(dtype);
  if (shape.length !== expected.rank || !typeFits) {
    throw new UserError(
      `${path}: '${name}' has shape ${shapeText(shape)} of ${dtype}, where ${ranks[expected.rank]} of ${numbers} is ` +
        `expected${typeFits ? '' : precisions}. Is it the right file?`,
    );
  }
  if (description.virtual) {
    throw new UserError(`${path}: '${name}' keeps its data in other files. Copy the data into this file.`);
  }
  const foreign = description.filters.find(({ id }) => !builtInFilters.has(id));
  if (foreign) {
    throw new UserError(
      `${path}: '${name}' is packed by the filter ${quote(foreign.name || 'without a name', 24)} (number ${foreign.id}), ` +
        'which is not read here; expected gzip or none. Write it again, such as by h5repack -f GZIP=4 OLD NEW.',
    );
  }
  const elements = shape.reduce((a, b) => a * b, 1);
  if (elements === 0)
    throw new UserError(`${path}: '${name}' is empty (shape ${shapeText(shape)}). Is it the right file?`);
  const claimed = elements * description.elementBytes;
  const possible = fileBytes * (description.filters.length > 0 ? largestPacking : 1);
  if (!(claimed <= possible)) {
    throw new UserError(
      `${path}: '${name}' claims shape ${shapeText(shape)} of ${dtype}, ${bytesText(claimed)}, more than a file of ` +
        `${bytesText(fileBytes)} can hold; it is damaged or was never filled. Fetch or make the file again.`,
    );
  }
  const chunkBytes = (description.chunks ?? []).reduce((a, b) => a * b, description.elementBytes);
  if (chunkBytes > largestChunkBytes) {
    throw new UserError(
      `${path}: '${name}' is stored in chunks of ${bytesText(chunkBytes)}, more than the ${bytesText(largestChunkBytes)} ` +
        'allowed. Write it again with smaller chunks.',
    );
  }
  return { path, name, description, rows: shape[0]!, columns: shape.slice(1).reduce((a, b) => a * b, 1) };
}

function withArticle(noun: string): string {
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

function damaged(path: string, part?: string): UserError {
  const what = part ? `data set '${part}' cannot be read` : 'cannot be read as HDF5';
  return new UserError(`${path}: ${what}; the file is damaged. ${again}`);
}

function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? '() (a single value)' : `(${shape.join(', ')})`;
}

function bytesText(bytes: number): string {
  if (bytes < 1e4) return `${bytes} bytes`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`;
}

const signature = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);

/**
 * That the file is there, starts as HDF5 does, and is as long as its superblock says (HDF5 File Format Specification,
 * section II.A).
 *
 * @returns the file's length in bytes
 */
function checkHdf5File(path: string): number {
  const file = openForReading(path);
  try {
    const { size } = fstatSync(file);
    // The superblock lies at 0, 512, 1024, 2048, …
    for (let at = 0; at < size; at = at === 0 ? 512 : at * 2) {
      const head = readHead(file, at);
      if (!head.subarray(0, signature.length).equals(signature)) continue;
      const length = lengthInSuperblock(head);
      if (length > size) {
        throw new UserError(
          `${path}: truncated: ${size} bytes of ${Number.isFinite(length) ? length : 'more'} are there. Fetch the file again.`,
        );
      }
      return size;
    }
    const start = JSON.stringify(readHead(file, 0).subarray(0, 12).toString('latin1'));
    throw new UserError(
      `${path}: not an HDF5 file (${size === 0 ? 'it is empty' : `it starts with ${start}`}). Is it the right file?`,
    );
  } finally {
    closeSync(file);
  }
}

function openForReading(path: string): number {
  try {
    return openRegularFile(path);
  } catch (error) {
    if (error instanceof NotAFileError) {
      throw new UserError(`${path}: not a file, where an HDF5 file is expected.`);
    }
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new UserError(`${path}: no such file.`);
    throw new UserError(`${path}: cannot be opened (${code}).`);
  }
}

function readHead(file: number, at: number): Buffer {
  const head = Buffer.alloc(64);
  return head.subarray(0, readSync(file, head, 0, head.length, at));
}

/** The end-of-file address: 0 where the superblock does not give it in 8 bytes, infinite where itself is cut. */
function lengthInSuperblock(head: Buffer): number {
  const version = head[8] ?? 0;
  if (version > 3) return 0;
  const place = version === 0 ? 40 : version === 1 ? 44 : 28;
  if (head.length < place + 8) return Number.POSITIVE_INFINITY;
  const addressBytes = version <= 1 ? head[13] : head[9];
  return addressBytes === 8 ? Number(head.readBigUInt64LE(place)) : 0;
}
