/**
 * The JSON header of a safetensors file, read by its own grammar.
 *
 * `JSON.parse` would keep the last of two equal names and build whatever a hostile header asks for. This reader knows
 * the only shape a header may have, stops at the first departure from it and never holds more than the entries it has
 * accepted.
 *
 * Format: https://huggingface.co/docs/safetensors, section "Format".
 */

/** Bytes of an element of each dtype. */
export const dtypeBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type Dtype = keyof typeof dtypeBytes;

/** Where a tensor lies; `begin` and `end` are bytes from the end of the header. */
export interface TensorPlace {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  readonly places: ReadonlyMap<string, TensorPlace>;
}

/** What is wrong with a header, without the name of the file. */
export class HeaderFault extends Error {}

const mostDimensions = 32;

/**
 * Reads and checks a header: grammar, names, dtypes, shapes against offsets, and that the tensors cover the data
 * without holes or overlaps.
 *
 * @param text the header, decoded
 * @param dataBytes bytes that follow the header in the file
 * @throws HeaderFault
 */
export function parseHeader(text: string, dataBytes: number): Header {
  const scan = new Scanner(text);
  const places = new Map<string, TensorPlace>();
  let metadata: Record<string, string> | undefined;
  scan.object((name) => {
    if (name === '__metadata__') {
      if (metadata) throw new HeaderFault('the name "__metadata__" occurs twice');
      metadata = readMetadata(scan);
    } else {
      if (places.has(name)) throw new HeaderFault(`the tensor ${quote(name)} occurs twice`);
      places.set(name, readPlace(scan, name));
    }
  });
  scan.end();
  checkCover(places, dataBytes);
  return { metadata: metadata ?? {}, places };
}

function readMetadata(scan: Scanner): Record<string, string> {
  const entries = new Map<string, string>();
  scan.object((key) => {
    if (entries.has(key)) throw new HeaderFault(`the metadata key ${quote(key)} occurs twice`);
    entries.set(key, scan.string(`the metadata value of ${quote(key)}`));
  });
  // Object.fromEntries defines own properties, so that a key "__proto__" is a key like any other.
  return Object.fromEntries(entries);
}

function readPlace(scan: Scanner, name: string): TensorPlace {
  const what = `tensor ${quote(name)}`;
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  scan.object((field) => {
    if (field === 'dtype' && dtype === undefined) dtype = scan.string(`the dtype of ${what}`);
    else if (field === 'shape' && !shape) shape = scan.integers(`the shape of ${what}`, mostDimensions);
    else if (field === 'data_offsets' && !offsets) offsets = scan.integers(`the data_offsets of ${what}`, 2);
    else throw new HeaderFault(`${what} has an unknown or repeated field ${quote(field)}`);
  });
  if (dtype === undefined || !shape || !offsets) {
    throw new HeaderFault(`${what} lacks one of dtype, shape and data_offsets`);
  }
  if (!isDtype(dtype)) throw new HeaderFault(`${what} has the unknown dtype ${quote(dtype)}`);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || end < begin) {
    throw new HeaderFault(`${what} has data_offsets [${offsets.join(', ')}], expected a begin and an end after it`);
  }
  const bytes = byteLength(dtype, shape);
  if (!Number.isSafeInteger(bytes)) throw new HeaderFault(`${what} has the impossible shape [${shape.join(', ')}]`);
  if (bytes !== end - begin) {
    throw new HeaderFault(
      `${what} of ${dtype} [${shape.join(', ')}] needs ${bytes} bytes, its offsets give ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

/** Bytes of a tensor; not a safe integer where the product is beyond one at any point. */
function byteLength(dtype: Dtype, shape: readonly number[]): number {
  let bytes: number = dtypeBytes[dtype];
  for (const n of shape) {
    bytes *= n;
    if (!Number.isSafeInteger(bytes)) return Number.POSITIVE_INFINITY;
  }
  return bytes;
}

function checkCover(places: ReadonlyMap<string, TensorPlace>, dataBytes: number): void {
  const inOrder = [...places].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of inOrder) {
    if (begin !== covered) {
      const fault = begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new HeaderFault(`tensor ${quote(name)} begins at byte ${begin} and ${fault}, which ends at ${covered}`);
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    const fault = covered > dataBytes ? 'is truncated' : 'has bytes that belong to no tensor';
    throw new HeaderFault(`the file ${fault}: its tensors take ${covered} bytes, ${dataBytes} follow the header`);
  }
}

function isDtype(text: string): text is Dtype {
  return Object.hasOwn(dtypeBytes, text);
}

/** A name as it may be printed: quoted, escaped and not longer than a line bears. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
}

function parseString(token: string): string | null {
  try {
    return JSON.parse(token) as string;
  } catch {
    return null;
  }
}

const whitespace = /[ \t\n\r]*/y;
const integerToken = /(?:0|[1-9][0-9]{0,15})(?![0-9.eE])/y;

/** Reads JSON from left to right, and only what it is asked for. */
class Scanner {
  private at = 0;

  constructor(private readonly text: string) {}

  object(member: (name: string) => void): void {
    this.expect('{');
    if (this.accept('}')) return;
    do {
      const name = this.string('a name');
      this.expect(':');
      member(name);
    } while (this.accept(','));
    this.expect('}');
  }

  integers(what: string, most: number): number[] {
    const values: number[] = [];
    this.expect('[');
    if (this.accept(']')) return values;
    do {
      const token = this.token(integerToken);
      const value = Number(token);
      if (token === null || !Number.isSafeInteger(value))
        throw new HeaderFault(`${what} is not made of whole numbers from 0`);
      if (values.length === most) throw new HeaderFault(`${what} has more than ${most} numbers`);
      values.push(value);
    } while (this.accept(','));
    this.expect(']');
    return values;
  }

  string(what: string): string {
    this.skip();
    const start = this.at;
    if (this.text[start] !== '"') throw new HeaderFault(`${what} is not a string, at character ${start} of the header`);
    let end = this.text.indexOf('"', start + 1);
    while (end !== -1 && this.isEscaped(end)) end = this.text.indexOf('"', end + 1);
    if (end === -1) throw new HeaderFault(`${what} does not end`);
    this.at = end + 1;
    const value = parseString(this.text.slice(start, end + 1));
    if (value === null || /\p{Surrogate}/u.test(value)) throw new HeaderFault(`${what} is not sound JSON text`);
    return value;
  }

  /** Only the padding may follow. */
  end(): void {
    this.skip();
    if (this.at !== this.text.length)
      throw new HeaderFault(`something follows the header's JSON, at character ${this.at}`);
  }

  /** Behind an odd number of backslashes. */
  private isEscaped(at: number): boolean {
    let first = at;
    while (this.text[first - 1] === '\\') first--;
    return (at - first) % 2 === 1;
  }

  private expect(character: string): void {
    if (!this.accept(character)) {
      throw new HeaderFault(
        `its header is not the JSON of a safetensors file: expected ${character} at character ${this.at}`,
      );
    }
  }

  private accept(character: string): boolean {
    this.skip();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private token(pattern: RegExp): string | null {
    this.skip();
    pattern.lastIndex = this.at;
    const token = pattern.exec(this.text)?.[0] ?? null;
    if (token !== null) this.at += token.length;
    return token;
  }

  private skip(): void {
    whitespace.lastIndex = this.at;
    whitespace.exec(this.text);
    this.at = whitespace.lastIndex;
  }
}
