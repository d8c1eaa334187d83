/**
 * The safetensors format: 8 bytes header length (little-endian), a JSON header, then the tensors' bytes.
 *
 * Format: https://huggingface.co/docs/safetensors, section "Format". It has no checksum; see training/checkpoint.ts for
 * recap's own.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { UserError } from '../errors.js';
import { NotAFileError, openRegularFile } from './regular-file.js';
import { type Dtype, type Header, HeaderFault, parseHeader } from './safetensors-header.js';

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Row-major. F16, BF16 and F8 as their bits. */
  readonly data: TensorData;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** As `Safetensors`, with the bytes a checksum is taken over. */
export interface SafetensorsFile extends Safetensors {
  /** The length and the JSON with its padding. */
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** What a header says of a tensor that is about to be written. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: number;
}

const lengthBytes = 8;
/** The limit of the reference implementation. */
const longestHeader = 100_000_000;
/** The data start at a multiple of this, so that a memory-mapped tensor is aligned. */
const dataAlignment = 64;

/**
 * The first bytes of a file that holds `entries` one after another: the header's length and its JSON, padded with
 * spaces. Metadata come first, in the order given.
 */
export function encodeHeader(metadata: Readonly<Record<string, string>>, entries: readonly TensorEntry[]): Uint8Array {
  const members = [`"__metadata__":${JSON.stringify(metadata)}`];
  let begin = 0;
  for (const { name, dtype, shape, bytes } of entries) {
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, begin + bytes] })}`);
    begin += bytes;
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const header = new Uint8Array(Math.ceil((lengthBytes + json.length) / dataAlignment) * dataAlignment).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - lengthBytes), true);
  header.set(json, lengthBytes);
  return header;
}

/** What a file says of itself before its numbers. */
export interface SafetensorsHead extends Header {
  /** The length and the JSON with its padding. */
  readonly header: Uint8Array;
}

/**
 * Reads a whole file. Memory is taken for what the file holds, never for what it claims.
 *
 * @param accept throws where the file is not what is wanted, before memory is taken for its numbers: a sparse file of
 * gigabytes is nothing to the disk
 * @throws UserError naming the file and its fault
 */
export function readSafetensors(path: string, accept: (head: SafetensorsHead) => void = () => {}): SafetensorsFile {
  return withFile(path, (file, size) => {
    const head = readHeader(path, file, size);
    accept(head);
    const { header, metadata, places } = head;
    const data = read(file, header.length, size - header.length);
    const tensors = new Map<string, Tensor>();
    for (const [name, { dtype, shape, begin, end }] of places) {
      tensors.set(name, { dtype, shape, data: view(dtype, data.subarray(begin, end)) });
    }
    return { metadata, tensors, header, data };
  });
}

/**
 * Reads the metadata alone, after the same checks of the header.
 *
 * @throws UserError naming the file and its fault
 */
export function readSafetensorsMetadata(path: string): Readonly<Record<string, string>> {
  return withFile(path, (file, size) => readHeader(path, file, size).metadata);
}

function readHeader(path: string, file: number, size: number): SafetensorsHead {
  if (size < lengthBytes) throw fault(path, `it has ${size} bytes, fewer than the 8 of a header's length`);
  const start = read(file, 0, lengthBytes);
  const other = otherFormat(start);
  if (other !== null) throw fault(path, `it begins like ${other}`);
  const claimed = new DataView(start.buffer).getBigUint64(0, true);
  if (claimed > BigInt(longestHeader)) throw fault(path, `it claims a header of ${claimed} bytes, more than 100 MB`);
  const length = Number(claimed);
  if (length > size - lengthBytes) {
    throw fault(path, `it claims a header of ${length} bytes, only ${size - lengthBytes} follow`);
  }
  const header = read(file, 0, lengthBytes + length);
  const text = decode(path, header.subarray(lengthBytes));
  if (!text.startsWith('{')) throw fault(path, 'its header does not start with {');
  try {
    return { header, ...parseHeader(text, size - header.length) };
  } catch (error) {
    if (error instanceof HeaderFault) throw fault(path, error.message);
    throw error;
  }
}

/** What the first bytes give away of a file that is none; a header has fewer than 2^32 bytes. */
function otherFormat(start: Uint8Array): string | null {
  const text = Buffer.from(start).toString('latin1');
  if (text === '\u0089HDF\r\n\u001a\n') return 'an HDF5 file';
  if (text.startsWith('PK\u0003\u0004')) return 'a zip archive, such as those of PyTorch and numpy';
  return /^[\t\n\r -~]{8}$/.test(text) ? `text, ${JSON.stringify(text)}` : null;
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fault(path, 'its header is not UTF-8');
  }
}

function withFile<T>(path: string, use: (file: number, size: number) => T): T {
  let file: number | undefined;
  try {
    file = openRegularFile(path);
    return use(file, fstatSync(file).size);
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof NotAFileError) throw new UserError(`${path} is not a file.`);
    if (error instanceof RangeError) throw new UserError(`${path} does not fit into memory.`);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UserError(`${path} does not exist.`);
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Reads take at most this much at once; the system call itself has a limit of 2 GiB. */
const mostBytesAtOnce = 2 ** 30;

function read(file: number, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const got = readSync(file, bytes, done, Math.min(length - done, mostBytesAtOnce), position + done);
    if (got === 0) throw new Error('it became shorter while it was read');
    done += got;
  }
  return bytes;
}

const views = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  U16: Uint16Array,
  I16: Int16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  U32: Uint32Array,
  I32: Int32Array,
  F32: Float32Array,
  U64: BigUint64Array,
  I64: BigInt64Array,
  F64: Float64Array,
} as const;

function view(dtype: Dtype, bytes: Uint8Array): TensorData {
  const View = views[dtype];
  const elements = bytes.byteLength / View.BYTES_PER_ELEMENT;
  // The format does not promise alignment; a typed array needs it.
  const aligned = bytes.byteOffset % View.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new View(aligned.buffer as ArrayBuffer, aligned.byteOffset, elements);
}

function fault(path: string, what: string): UserError {
  return new UserError(`${path} is not a sound safetensors file: ${what}.`);
}
