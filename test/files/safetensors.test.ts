import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { encodeHeader, readSafetensors } from '../../src/files/safetensors.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-safetensors-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A file made by hand from the format's description, not by the code under test. */
function fileOf(header: string | Uint8Array, data: Uint8Array = new Uint8Array(0), claimed?: bigint): string {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(json.length));
  const path = join(folder, 'made.safetensors');
  writeFileSync(path, Buffer.concat([length, json, data]));
  return path;
}

function refusal(path: string): string {
  try {
    readSafetensors(path);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as UserError;
    expect(message).toContain(path);
    expect(message.split('\n')).toHaveLength(1);
    return message.replace(path, 'FILE');
  }
  return 'read without complaint';
}

const eight = new Uint8Array(8);

describe('the bytes that are written', () => {
  it('follow the format: length, JSON, padding by spaces, data from a multiple of 64', () => {
    const header = encodeHeader({ k: 'é"\\' }, [
      { name: 'a', dtype: 'F32', shape: [2, 1], bytes: 8 },
      { name: 'b', dtype: 'F64', shape: [], bytes: 8 },
    ]);
    expect(header.length % 64).toBe(0);
    const bytes = Buffer.from(header);
    expect(bytes.readBigUInt64LE(0)).toBe(BigInt(header.length - 8));
    const text = bytes.toString('utf8', 8);
    expect(text.trimEnd()).toBe(
      String.raw`{"__metadata__":{"k":"é\"\\"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[],"data_offsets":[8,16]}}`,
    );
    expect(text.slice(text.trimEnd().length)).toMatch(/^ *$/);
  });

  it('are read back with names, shapes, metadata and values', () => {
    const header = encodeHeader({ k: 'é"\\' }, [
      { name: 'a', dtype: 'F32', shape: [2, 1], bytes: 8 },
      { name: 'b', dtype: 'F64', shape: [], bytes: 8 },
    ]);
    const path = join(folder, 'written.safetensors');
    writeFileSync(
      path,
      Buffer.concat([
        header,
        Buffer.from(Float32Array.of(1.5, -2).buffer),
        Buffer.from(Float64Array.of(Math.PI).buffer),
      ]),
    );
    const { metadata, tensors } = readSafetensors(path);
    expect(metadata).toEqual({ k: 'é"\\' });
    expect(tensors.get('a')).toEqual({ dtype: 'F32', shape: [2, 1], data: Float32Array.of(1.5, -2) });
    expect(tensors.get('b')).toEqual({ dtype: 'F64', shape: [], data: Float64Array.of(Math.PI) });
  });
});

describe('a file by other hands', () => {
  it('is read when its tensors are unaligned, empty, out of order or of integers', () => {
    const path = fileOf(
      '{"d":{"dtype":"F64","shape":[1],"data_offsets":[1,9]},"e":{"dtype":"I32","shape":[3,0],"data_offsets":[1,1]},"u":{"data_offsets":[0,1],"dtype":"U8","shape":[1]}}  ',
      Buffer.concat([Uint8Array.of(7), Buffer.from(Float64Array.of(2.5).buffer)]),
    );
    const { tensors } = readSafetensors(path);
    expect(tensors.get('u')?.data).toEqual(Uint8Array.of(7));
    expect(tensors.get('d')?.data).toEqual(Float64Array.of(2.5));
    expect(tensors.get('e')?.data).toEqual(new Int32Array(0));
  });

  it('may use the names of object properties', () => {
    const path = fileOf(
      '{"__metadata__":{"__proto__":"x"},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"constructor":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}',
      Uint8Array.of(1, 2),
    );
    const { metadata, tensors } = readSafetensors(path);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

describe('what a reader must refuse', () => {
  const tensor = (fields: string): string => `{"a":{${fields}}}`;
  const cases: readonly [string, string | Uint8Array, Uint8Array, RegExp][] = [
    ['a header that is not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), eight, /not UTF-8/],
    ['a header behind a byte order mark', '\ufeff{}', new Uint8Array(0), /not start with \{/],
    ['a header that starts with a space', ' {}', new Uint8Array(0), /not start with \{/],
    ['an empty header', '', new Uint8Array(0), /not start with \{/],
    ['a header that is no JSON', '{"a" 1}', eight, /expected : at character 5/],
    ['JSON that ends early', '{"a":{"dtype":"F32"', eight, /expected }/],
    ['text after the JSON', '{}x', new Uint8Array(0), /something follows/],
    ['a second JSON value', '{}{}', new Uint8Array(0), /something follows/],
    ['a tensor that is no object', '{"a":[1]}', eight, /expected \{/],
    [
      'a name twice',
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
      eight,
      /"a" occurs twice/,
    ],
    [
      'a name twice, once escaped',
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\\u0061":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
      eight,
      /"a" occurs twice/,
    ],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', new Uint8Array(0), /"__metadata__" occurs twice/],
    ['a metadata key twice', '{"__metadata__":{"k":"1","k":"2"}}', new Uint8Array(0), /"k" occurs twice/],
    [
      'a metadata value that is no string',
      '{"__metadata__":{"k":1}}',
      new Uint8Array(0),
      /value of "k" is not a string/,
    ],
    ['metadata that are no object', '{"__metadata__":"k"}', new Uint8Array(0), /expected \{/],
    ['half of a surrogate pair', '{"__metadata__":{"k":"\\ud800"}}', new Uint8Array(0), /not sound JSON text/],
    ['a string that does not end', '{"a\\"', new Uint8Array(0), /does not end/],
    [
      'a field twice',
      tensor('"dtype":"U8","dtype":"I8","shape":[8],"data_offsets":[0,8]'),
      eight,
      /repeated field "dtype"/,
    ],
    ['an unknown field', tensor('"dtype":"U8","shape":[8],"offsets":[0,8]'), eight, /repeated field "offsets"/],
    ['a missing field', tensor('"dtype":"U8","shape":[8]'), eight, /lacks one of/],
    ['an unknown dtype', tensor('"dtype":"F24","shape":[8],"data_offsets":[0,8]'), eight, /unknown dtype "F24"/],
    [
      'a dtype from the prototype',
      tensor('"dtype":"toString","shape":[8],"data_offsets":[0,8]'),
      eight,
      /unknown dtype "toString"/,
    ],
    [
      'a negative dimension',
      tensor('"dtype":"U8","shape":[-8],"data_offsets":[0,8]'),
      eight,
      /not made of whole numbers/,
    ],
    [
      'a broken dimension',
      tensor('"dtype":"U8","shape":[8.0],"data_offsets":[0,8]'),
      eight,
      /not made of whole numbers/,
    ],
    [
      'a dimension with an exponent',
      tensor('"dtype":"U8","shape":[8e0],"data_offsets":[0,8]'),
      eight,
      /not made of whole numbers/,
    ],
    [
      'a dimension with leading zeros',
      tensor('"dtype":"U8","shape":[08],"data_offsets":[0,8]'),
      eight,
      /not made of whole numbers/,
    ],
    [
      'a dimension beyond 2^53',
      tensor('"dtype":"U8","shape":[18446744073709551624],"data_offsets":[0,8]'),
      eight,
      /not made of whole numbers/,
    ],
    [
      'a shape whose product wraps around to the right size',
      tensor('"dtype":"U8","shape":[4294967296,4294967296,8],"data_offsets":[0,8]'),
      eight,
      /impossible shape/,
    ],
    [
      'an overflow that a zero would hide',
      tensor('"dtype":"U8","shape":[9007199254740991,9007199254740991,0],"data_offsets":[0,0]'),
      new Uint8Array(0),
      /impossible shape/,
    ],
    [
      'a thousand dimensions',
      tensor(`"dtype":"U8","shape":[${'1,'.repeat(999)}1],"data_offsets":[0,1]`),
      Uint8Array.of(1),
      /more than 32 numbers/,
    ],
    [
      'a shape that disagrees with the offsets',
      tensor('"dtype":"F32","shape":[3],"data_offsets":[0,8]'),
      eight,
      /needs 12 bytes, its offsets give 8/,
    ],
    [
      'offsets in the wrong order',
      tensor('"dtype":"U8","shape":[8],"data_offsets":[8,0]'),
      eight,
      /data_offsets \[8, 0\]/,
    ],
    ['one offset', tensor('"dtype":"U8","shape":[8],"data_offsets":[8]'), eight, /data_offsets \[8\]/],
    ['three offsets', tensor('"dtype":"U8","shape":[8],"data_offsets":[0,8,8]'), eight, /more than 2 numbers/],
    ['a hole before the first tensor', tensor('"dtype":"U8","shape":[4],"data_offsets":[4,8]'), eight, /leaves a hole/],
    [
      'a hole between tensors',
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
      eight,
      /"b" begins at byte 4 and leaves a hole/,
    ],
    [
      'an overlap',
      '{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
      eight,
      /"b" begins at byte 4 and overlaps/,
    ],
    [
      'two names for one place',
      '{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}',
      eight,
      /overlaps/,
    ],
    ['data that end early', tensor('"dtype":"U8","shape":[16],"data_offsets":[0,16]'), eight, /is truncated/],
    [
      'bytes behind the last tensor',
      tensor('"dtype":"U8","shape":[4],"data_offsets":[0,4]'),
      eight,
      /belong to no tensor/,
    ],
  ];
  it.each(cases)('%s', (_name, header, data, expected) => {
    expect(refusal(fileOf(header, data))).toMatch(expected);
  });

  it('a file shorter than a header length', () => {
    for (let size = 0; size < 8; size++) {
      const path = join(folder, 'short.safetensors');
      writeFileSync(path, Buffer.alloc(size));
      expect(refusal(path)).toContain(`has ${size} bytes`);
    }
  });

  it('a header length beyond the file, beyond 100 MB and beyond 2^53', () => {
    expect(
      refusal(fileOf('model: { cell: lstm }'.padEnd(40), eight, 0x6c65646f6dn + (0x203an << 40n) + (0x7bn << 56n))),
    ).toContain('it begins like text, "model: {"');
    expect(refusal(fileOf('', eight, Buffer.from('\x89HDF\r\n\x1a\n', 'latin1').readBigUInt64LE(0)))).toContain(
      'it begins like an HDF5 file',
    );
    expect(refusal(fileOf('{}', eight, 11n))).toContain('claims a header of 11 bytes, only 10 follow');
    expect(refusal(fileOf('{}', eight, 100_000_001n))).toContain('more than 100 MB');
    expect(refusal(fileOf('{}', eight, 2n ** 64n - 1n))).toContain('more than 100 MB');
  });

  it('a missing file, a folder, a device, a pipe and a link to itself, each in words', () => {
    expect(refusal(join(folder, 'none'))).toBe('FILE does not exist.');
    mkdirSync(join(folder, 'folder'));
    expect(refusal(join(folder, 'folder'))).toBe('FILE is not a file.');
    expect(refusal('/dev/zero')).toBe('FILE is not a file.');
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect(refusal(join(folder, 'pipe'))).toBe('FILE is not a file.');
    symlinkSync(join(folder, 'loop'), join(folder, 'loop'));
    expect(refusal(join(folder, 'loop'))).toMatch(/^FILE cannot be read: ELOOP/);
  });

  it('a terabyte of nothing, without taking memory for it', () => {
    const path = fileOf(tensor(`"dtype":"U8","shape":[${2 ** 40}],"data_offsets":[0,${2 ** 40}]`));
    const header = Buffer.byteLength(tensor(`"dtype":"U8","shape":[${2 ** 40}],"data_offsets":[0,${2 ** 40}]`));
    truncateSync(path, 8 + header + 2 ** 40);
    expect(refusal(path)).toBe('FILE does not fit into memory.');
  });

  it('a header of 90 MB of brackets, quotes or backslashes, in bounded memory', () => {
    for (const filler of ['[', '"', '\\', '{"a":']) {
      const header = new TextEncoder().encode(`{"a":"${filler}`.padEnd(90_000_000, filler));
      const before = process.memoryUsage().heapUsed;
      expect(refusal(fileOf(header))).not.toBe('read without complaint');
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(600e6);
    }
  });
});

describe('mutated files', () => {
  const header =
    '{"__metadata__":{"note":"x"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"I64","shape":[1],"data_offsets":[24,32]}}';
  const bytes = (): Buffer => {
    const json = Buffer.from(header);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([length, json, Buffer.alloc(32, 3)]);
  };
  const whole = bytes();
  const byteChange = fc.record({ at: fc.nat(whole.length - 1), to: fc.integer({ min: 0, max: 255 }) });
  const mutation = fc.oneof(
    fc.array(byteChange, { minLength: 1, maxLength: 4 }).map((changes) => {
      const copy = Buffer.from(whole);
      for (const { at, to } of changes) copy[at] = to;
      return copy;
    }),
    fc.nat(whole.length - 1).map((size) => whole.subarray(0, size)),
    fc
      .tuple(fc.nat(whole.length), fc.uint8Array({ minLength: 1, maxLength: 40 }))
      .map(([at, more]) => Buffer.concat([whole.subarray(0, at), more, whole.subarray(at)])),
    fc
      .tuple(fc.nat(whole.length), fc.nat(whole.length))
      .map(([a, b]) => Buffer.concat([whole.subarray(0, a), whole.subarray(b)])),
    // The JSON alone changes and the length follows, so that the mutation gets past the first check.
    fc
      .tuple(
        fc.nat(header.length - 1),
        fc.nat(12),
        fc.constantFrom('', '9', '-', '"', '{', '}', '[', ']', ',', '1e9', 'null', '\\u0000', '99999999999999999999'),
      )
      .map(([at, cut, put]) => {
        const json = Buffer.from(header.slice(0, at) + put + header.slice(at + cut));
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(json.length));
        return Buffer.concat([length, json, Buffer.alloc(32, 3)]);
      }),
    fc.uint8Array({ maxLength: 300 }).map((noise) => Buffer.from(noise)),
  );

  it('are refused in one line or read as tensors that fill the file exactly', () => {
    const path = join(folder, 'mutated.safetensors');
    fc.assert(
      fc.property(mutation, (content) => {
        // A file cut short in place would be flushed to the disk each time by some file systems.
        rmSync(path, { force: true });
        writeFileSync(path, content);
        let tensors: ReturnType<typeof readSafetensors>['tensors'];
        try {
          ({ tensors } = readSafetensors(path));
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          expect((error as UserError).message).toMatch(/^[^\n]+$/);
          expect((error as UserError).message.length).toBeLessThan(path.length + 300);
          return;
        }
        const headerBytes = 8 + Number(content.readBigUInt64LE(0));
        const held = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
        expect(headerBytes + held).toBe(content.length);
        for (const { shape, data } of tensors.values()) {
          expect(data.length).toBe(shape.reduce((product, n) => product * n, 1));
        }
      }),
      { numRuns: 5000, seed: 231 },
    );
  });
});
