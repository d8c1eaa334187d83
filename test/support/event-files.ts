/** A reader of TensorBoard's event files that shares no code with the writer. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The contents of whole records. */
export function recordsIn(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at + 12 <= bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (at + 16 + length > bytes.length) break;
    check(bytes.subarray(at, at + 8), bytes.readUInt32LE(at + 8));
    const content = bytes.subarray(at + 12, at + 12 + length);
    check(content, bytes.readUInt32LE(at + 12 + length));
    records.push(content);
    at += 16 + length;
  }
  return records;
}

/** Bit by bit, by the definition. */
function check(bytes: Buffer, masked: number): void {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  const found = ~crc >>> 0;
  if ((((found >>> 15) | (found << 17)) + 0xa282ead8) >>> 0 !== masked)
    throw new Error('a record has a wrong checksum');
}

/** Fields of a message: numbers, or bytes of what has a length. */
function fields(message: Buffer): [number: number, value: number | Buffer][] {
  const found: [number, number | Buffer][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const number = key >> 3;
    switch (key & 7) {
      case 0:
        found.push([number, varint()]);
        break;
      case 1:
        found.push([number, message.readDoubleLE(at)]);
        at += 8;
        break;
      case 2: {
        const length = varint();
        found.push([number, message.subarray(at, at + length)]);
        at += length;
        break;
      }
      case 5:
        found.push([number, message.readFloatLE(at)]);
        at += 4;
        break;
      default:
        throw new Error(`wire type ${key & 7}`);
    }
  }
  return found;
}

const field = (message: Buffer, number: number) => fields(message).find(([each]) => each === number)?.[1];

export interface SeenEvent {
  readonly step: number;
  readonly tag: string;
  /** A scalar's number, anything else as its bytes. */
  readonly value: number | Buffer;
}

/** What is seen of a folder of event files, in the order of their names: a start at a step voids what was seen of it and later. */
export function eventsIn(folder: string): SeenEvent[] {
  let seen: SeenEvent[] = [];
  for (const name of readdirSync(folder).sort()) {
    for (const event of recordsIn(readFileSync(join(folder, name)))) {
      const step = (field(event, 2) ?? 0) as number;
      if (field(event, 7)) seen = seen.filter((each) => each.step < step);
      const summary = field(event, 5) as Buffer | undefined;
      for (const [, value] of summary ? fields(summary) : []) {
        const tag = String(field(value as Buffer, 1));
        const parts = fields(value as Buffer).filter(([number]) => number !== 1);
        seen.push({ step, tag, value: parts.at(-1)![1] });
      }
    }
  }
  return seen;
}

/** [step, value] of a scalar. */
export function scalarsIn(folder: string, tag: string): [number, number][] {
  return eventsIn(folder)
    .filter((each) => each.tag === tag)
    .map(({ step, value }) => [step, value as number]);
}
