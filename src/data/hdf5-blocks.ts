/**
 * What the HDF5 thread does: looks at data sets and copies them, block by block, into shared memory. Runs in a thread
 * of its own (see hdf5.ts), because the C library may abort or never return on a damaged file.
 */
import { Module, ready } from 'h5wasm/node';
import { type ElementArray, type ElementType, elementsOn } from './element-types.js';
import { copyFloat16, roundToFloat16, widenFloat16 } from './float16.js';

/** What a name in a file turned out to be. */
export type Hdf5Entry =
  | { readonly kind: 'dataset'; readonly description: Hdf5Description }
  | { readonly kind: 'missing'; readonly present: readonly string[] }
  | { readonly kind: 'group' | 'external link' | 'broken link' | 'unreadable' };

export interface Hdf5Description {
  readonly shape: readonly number[];
  /** As numpy calls it: int32, uint8, float64, … or a plain word for what is no number. */
  readonly dtype: string;
  /** Bytes of one element in the file. */
  readonly elementBytes: number;
  readonly chunks: readonly number[] | null;
  /** Filters that its chunks went through. */
  readonly filters: readonly { readonly id: number; readonly name: string }[];
  /** The data lies in other files. */
  readonly virtual: boolean;
}

export interface ReadRequest {
  readonly path: string;
  readonly name: string;
  readonly description: Hdf5Description;
  /** Rows of the result; the data set's first dimension. */
  readonly rows: number;
  /** All other dimensions, one inside the other. */
  readonly columns: number;
  readonly target: SharedArrayBuffer;
  /** The element of the target that the table begins at. */
  readonly first: number;
  readonly targetType: ElementType;
}

/** The first element that the target cannot hold: NaN, infinite, or too large for its type. */
export interface UnfitElement {
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

/** Memory for a block was not to be had. */
export class OutOfMemoryError extends Error {}

/** Bytes of a block, where the file's chunks allow it. */
const blockBytes = 4 << 20;

/** A band of chunks that is read at once even if it is larger, so that none is unpacked twice. */
const largestBandBytes = 128 << 20;

export async function describe(path: string, names: readonly string[]): Promise<Hdf5Entry[]> {
  await ready;
  const file = openFile(path);
  try {
    return names.map((name) => describeOne(file, name));
  } finally {
    Module.close_file(file);
  }
}

function describeOne(file: bigint, name: string): Hdf5Entry {
  const present = Module.get_names(file, '/', false);
  if (!present.includes(name)) return { kind: 'missing', present };
  if ('filename' in Module.get_external_link(file, name)) return { kind: 'external link' };
  const metadata = attempt(() => Module.get_dataset_metadata(file, name));
  if (!metadata) {
    if (Module.get_symbolic_link(file, name) !== null) return { kind: 'broken link' };
    return { kind: attempt(() => Module.get_names(file, name, false)) ? 'group' : 'unreadable' };
  }
  const filters = Module.get_dataset_filters(file, name);
  const description: Hdf5Description = {
    shape: metadata.shape ?? [],
    dtype: dtypeName(metadata),
    elementBytes: metadata.size,
    chunks: metadata.chunks,
    filters: filters.map(({ id, name }) => ({ id, name })),
    virtual: metadata.virtual_sources !== undefined,
  };
  return { kind: 'dataset', description };
}

/** What the library gives, or null where it refuses; a crash of it is thrown on. */
function attempt<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch (error) {
    if (isCrash(error)) throw error;
    return null;
  }
}

/** Whether the library broke down, after which it must not be used again, rather than refused. */
export function isCrash(error: unknown): boolean {
  return !(error instanceof Error) || error.name !== 'Error';
}

function dtypeName(metadata: { type: number; signed: boolean; size: number }): string {
  const { H5T_INTEGER, H5T_FLOAT, H5T_STRING, H5T_COMPOUND } = Module.H5T_class_t;
  switch (metadata.type) {
    case H5T_INTEGER.value:
      return `${metadata.signed ? '' : 'u'}int${metadata.size * 8}`;
    case H5T_FLOAT.value:
      return `float${metadata.size * 8}`;
    case H5T_STRING.value:
      return 'text';
    case H5T_COMPOUND.value:
      return 'records';
    default:
      return 'no numbers';
  }
}

/**
 * Copies a data set into `request.target`.
 *
 * @param progress called after every block with its elements, so that the main thread knows that this one is alive
 * @returns the first element that does not fit, or null
 */
export async function read(request: ReadRequest, progress: (elements: number) => void): Promise<UnfitElement | null> {
  await ready;
  const { path, name, description, rows, columns } = request;
  const block = blockShape(description, columns);
  const file = openFile(path);
  const pointer = Module._malloc(block.rows * block.columns * description.elementBytes);
  if (pointer === 0) throw new OutOfMemoryError();
  const target = elementsOn(request.target, request.targetType).subarray(request.first);
  try {
    for (let row = 0; row < rows; row += block.rows) {
      for (let column = 0; column < columns; column += block.columns) {
        const height = Math.min(block.rows, rows - row);
        const width = Math.min(block.columns, columns - column);
        const { count, offset } = selection(description.shape, row, column, height, width);
        const stride = count.map(() => 1n);
        const status = Module.get_dataset_data(file, name, count, offset, stride, BigInt(pointer));
        if (status < 0) throw new Error(`rows from ${row}`);
        // The heap may have grown and moved, so the view is made anew.
        const source = sourceArray(description.dtype, Module.HEAPU8.buffer, pointer, height * width);
        const copy = copierOf(description.dtype, source, target);
        const unfit = copyBlock(copy, { row, column, height, width, columns });
        if (unfit) return { ...unfit, value: numberAt(description.dtype, source, unfit.at) };
        progress(height * width);
      }
    }
    return null;
  } finally {
    Module._free(pointer);
    Module.close_file(file);
  }
}

/** A block as the library is asked for it. Of three dimensions a block has whole rows. */
function selection(shape: readonly number[], row: number, column: number, height: number, width: number) {
  const inner = shape.length > 2 ? shape.slice(1) : [width].slice(0, shape.length - 1);
  return {
    count: [height, ...inner].map(BigInt),
    offset: [row, ...inner.map((_, i) => (i === 0 ? column : 0))].map(BigInt),
  };
}

/** Whole chunks, so that none is unpacked twice, whole rows where they are not too wide or cannot be cut. */
function blockShape(description: Hdf5Description, columns: number): { rows: number; columns: number } {
  const chunkRows = description.chunks?.[0] ?? 1;
  if (description.shape.length > 2) {
    const rowBytes = columns * description.elementBytes;
    const rows = chunkRows * rowBytes <= largestBandBytes ? chunkRows : 1;
    return { rows: rows * Math.max(1, Math.floor(blockBytes / (rows * rowBytes))), columns };
  }
  const chunkColumns = description.chunks?.[1] ?? 1;
  const bandBytes = chunkRows * columns * description.elementBytes;
  if (bandBytes <= blockBytes) {
    return { rows: chunkRows * Math.max(1, Math.floor(blockBytes / Math.max(1, bandBytes))), columns };
  }
  const chunkBytes = chunkRows * chunkColumns * description.elementBytes;
  const across = Math.max(1, Math.floor(blockBytes / chunkBytes));
  return { rows: chunkRows, columns: Math.min(columns, across * chunkColumns) };
}

type SourceArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

const sourceTypes: Readonly<
  Record<string, new (buffer: ArrayBufferLike, offset: number, length: number) => SourceArray>
> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
};

function sourceArray(dtype: string, heap: ArrayBufferLike, pointer: number, length: number): SourceArray {
  const Type = sourceTypes[dtype];
  if (!Type) throw new Error(`no reader for ${dtype}`);
  return new Type(heap, pointer, length);
}

interface BlockPlace {
  readonly row: number;
  readonly column: number;
  readonly height: number;
  readonly width: number;
  /** Columns of the whole target. */
  readonly columns: number;
}

/** Copies `count` elements from place `from` of a block to place `to` of the target; see copyNumbers for the result. */
type Copier = (from: number, to: number, count: number) => number;

function copierOf(dtype: string, source: SourceArray, target: ElementArray): Copier {
  if (target instanceof Int32Array) return (from, to, count) => copyIntegers(source, from, target, to, count);
  if (dtype === 'float16') {
    const halves = source as Uint16Array;
    if (target instanceof Uint16Array) return (from, to, count) => copyFloat16(halves, from, target, to, count);
    return (from, to, count) => {
      widenFloat16(halves, from, target, to, count);
      return firstNotFinite(target, to, count);
    };
  }
  const numbers = source as Float32Array | Float64Array;
  if (target instanceof Uint16Array) {
    const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
    return (from, to, count) => roundToFloat16(bits, from, target, to, count);
  }
  return (from, to, count) => copyNumbers(numbers, from, target, to, count);
}

function copyBlock(copy: Copier, place: BlockPlace): { row: number; column: number; at: number } | null {
  const { row, column, height, width, columns } = place;
  for (let r = 0; r < height; r++) {
    const bad = copy(r * width, (row + r) * columns + column, width);
    if (bad >= 0) return { row: row + r, column: column + bad, at: r * width + bad };
  }
  return null;
}

function numberAt(dtype: string, source: SourceArray, at: number): number {
  if (dtype !== 'float16') return Number(source[at]);
  const value = new Float32Array(1);
  widenFloat16(source as Uint16Array, at, value, 0, 1);
  return value[0]!;
}

/** @returns the place of the first element that is not finite in the target, or -1 */
function copyNumbers(
  source: Float32Array | Float64Array,
  from: number,
  target: Float32Array | Float64Array,
  to: number,
  count: number,
): number {
  target.set(source.subarray(from, from + count), to);
  return firstNotFinite(target, to, count);
}

function firstNotFinite(target: Float32Array | Float64Array, to: number, count: number): number {
  let zero = 0;
  // x·0 is NaN for what is not finite, and 0 for everything else.
  for (let i = to; i < to + count; i++) zero += target[i]! * 0;
  if (zero === 0) return -1;
  let i = 0;
  while (Number.isFinite(target[to + i])) i++;
  return i;
}

/** @returns the place of the first element that int32 does not hold, or -1 */
function copyIntegers(source: SourceArray, from: number, target: Int32Array, to: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const value = Number(source[from + i]);
    target[to + i] = value;
    if (target[to + i] !== value) return i;
  }
  return -1;
}

function openFile(path: string): bigint {
  const file = Module.open(path, Module.H5F_ACC_RDONLY, false, Module.H5F_LIBVER_EARLIEST, Module.H5F_LIBVER_LATEST);
  if (BigInt(file) < 0n) throw new Error('cannot be opened');
  return file;
}
