/** Reads and writes the wire format of protocol buffers, as far as ONNX and TensorBoard need it (protobuf.dev, "Encoding"). */

export interface Field {
  readonly number: number;
  /** Of a field with a length: its bytes, which are not copied. */
  readonly bytes: Uint8Array | null;
  /** Of a varint. */
  readonly value: number;
  /** The field as it stands, with its number, not copied. */
  readonly whole: Uint8Array;
}

export class NotProtobufError extends Error {}

/** The fields of a message, in their order. */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = message[at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new NotProtobufError();
  };
  while (at < message.length) {
    const start = at;
    const key = varint();
    const number = Math.floor(key / 8);
    if (number === 0) throw new NotProtobufError();
    const type = key % 8;
    if (type === 0) {
      const value = varint();
      yield { number, bytes: null, value, whole: message.subarray(start, at) };
      continue;
    }
    const length = type === 2 ? varint() : type === 1 ? 8 : type === 5 ? 4 : Number.NaN;
    if (!(at + length <= message.length)) throw new NotProtobufError();
    const from = at;
    at += length;
    const bytes = type === 2 ? message.subarray(from, at) : null;
    yield { number, bytes, value: Number.NaN, whole: message.subarray(start, at) };
  }
}

/** A field with a length: a text, bytes or a message. */
export function lengthField(number: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([varintOf(number * 8 + 2), varintOf(content.length), content]);
}

export function textField(number: number, text: string): Uint8Array {
  return lengthField(number, Buffer.from(text));
}

/** A message whose fields are these, in their order. */
export function messageField(number: number, ...fields: readonly Uint8Array[]): Uint8Array {
  return lengthField(number, Buffer.concat(fields));
}

/** A whole number from 0 on. */
export function varintField(number: number, value: number): Uint8Array {
  return Buffer.concat([varintOf(number * 8), varintOf(value)]);
}

/** Rounded to float32. */
export function floatField(number: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varintOf(number * 8 + 5), bytes]);
}

export function doubleField(number: number, value: number): Uint8Array {
  return Buffer.concat([varintOf(number * 8 + 1), doubleBytes([value])]);
}

/** Repeated doubles, packed. */
export function doublesField(number: number, values: readonly number[]): Uint8Array {
  return lengthField(number, doubleBytes(values));
}

function doubleBytes(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => {
    bytes.writeDoubleLE(value, 8 * i);
  });
  return bytes;
}

function varintOf(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.of(...bytes, rest);
}
