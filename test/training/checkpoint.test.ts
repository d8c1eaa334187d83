import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flatView } from '../../src/engine/shared-memory.js';
import { UserError } from '../../src/errors.js';
import { encodeHeader } from '../../src/files/safetensors.js';
import { parameterShapes } from '../../src/model/parameters.js';
import {
  newestWholeCheckpoint,
  readCheckpoint,
  readInitialParameters,
  restoreCheckpoint,
  restoreParameters,
} from '../../src/training/checkpoint.js';
import { writeCheckpointFile } from '../../src/training/checkpoint-file.js';
import { formatVersion } from '../../src/training/checkpoint-format.js';
import type { TrainingState } from '../../src/training/checkpoint-writer.js';
import { filledMemory, model, trainingState } from './checkpoint-fixtures.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, state: TrainingState, memory = filledMemory(), runId = 'run'): string {
  const path = join(folder, name);
  const flats = [memory.parameters, memory.m, memory.v].map((offset) => flatView(memory, offset));
  const snapshot = new SharedArrayBuffer(3 * flats[0]!.byteLength);
  flats.forEach((flat, i) => {
    new Uint8Array(snapshot, i * flat.byteLength, flat.byteLength).set(
      new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength),
    );
  });
  const result = writeCheckpointFile({
    path,
    state: JSON.stringify({ formatVersion, runId, ...state }),
    layout: memory.parameterLayout,
    precision: memory.precision,
    snapshot,
    syncFirst: [],
    remove: [],
  });
  expect(result).toMatchObject({ written: true, bytes: readFileSync(path).length });
  return path;
}

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  return 'read without complaint';
}

/** Takes the checksum anew, as someone would who changes a checkpoint on purpose. */
function forge(path: string, change: (header: string) => string): void {
  const bytes = readFileSync(path);
  const headerBytes = 8 + Number(bytes.readBigUInt64LE(0));
  const json = Buffer.from(change(bytes.toString('utf8', 8, headerBytes)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const forged = Buffer.concat([length, json, bytes.subarray(headerBytes)]);
  const at = forged.indexOf('"recap.sha256":"') + '"recap.sha256":"'.length;
  forged.fill('0', at, at + 64);
  forged.write(createHash('sha256').update(forged).digest('hex'), at);
  writeFileSync(path, forged);
}

describe('a checkpoint', () => {
  it.each(['float32', 'float64'] as const)('gives back state, parameters and moments to the bit in %s', (precision) => {
    const memory = filledMemory(precision);
    const state = trainingState(30, 2.5, precision);
    const checkpoint = readCheckpoint(write('step-30.safetensors', state, memory));
    expect(checkpoint.state).toEqual({ formatVersion, runId: 'run', ...state });
    const restored = filledMemory(precision);
    for (const offset of [restored.parameters, restored.m, restored.v]) flatView(restored, offset).fill(9);
    restoreCheckpoint(restored, checkpoint);
    for (const group of ['parameters', 'm', 'v'] as const) {
      for (const { name, offset, size } of memory.parameterLayout.places) {
        const written = flatView(memory, memory[group]).subarray(offset, offset + size);
        expect(flatView(restored, restored[group]).subarray(offset, offset + size), name).toEqual(written);
        expect(checkpoint[group].get(name)?.shape).toEqual(parameterShapes(model)[name]);
      }
    }
  });

  it('holds the tensors one behind the other, without the gaps of the memory, under the course names', () => {
    const bytes = readFileSync(write('step-1.safetensors', trainingState(1)));
    const headerBytes = 8 + Number(bytes.readBigUInt64LE(0));
    const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, headerBytes));
    expect(headerBytes % 64).toBe(0);
    const names = ['W_proj', 'b_proj', 'W_embed', 'Wx', 'Wh', 'b', 'W_vocab', 'b_vocab'];
    expect(Object.keys(tensors)).toEqual(
      ['', 'adam.m.', 'adam.v.'].flatMap((prefix) => names.map((name) => prefix + name)),
    );
    expect(tensors.Wx).toEqual({ dtype: 'F32', shape: [3, 8], data_offsets: [132, 228] });
    let end = 0;
    for (const { data_offsets } of Object.values(tensors) as { data_offsets: [number, number] }[]) {
      expect(data_offsets[0]).toBe(end);
      end = data_offsets[1];
    }
    expect(headerBytes + end).toBe(bytes.length);
    for (let at = headerBytes; at < bytes.length; at += 4) expect(bytes.readFloatLE(at)).not.toBeNaN();
  });

  it('carries the SHA-256 of the file with zeros in its own place', () => {
    const bytes = readFileSync(write('step-1.safetensors', trainingState(1)));
    const at = bytes.indexOf('"recap.sha256":"') + '"recap.sha256":"'.length;
    const digest = bytes.toString('latin1', at, at + 64);
    bytes.fill('0', at, at + 64);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(digest);
  });

  it('is refused whichever byte is changed, wherever it is cut and whatever is spliced into it', () => {
    const original = readFileSync(write('step-1.safetensors', trainingState(1)));
    const path = join(folder, 'mutated.safetensors');
    const at = fc.nat(original.length - 1);
    const mutation = fc.oneof(
      fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([i, flip]) => {
        const copy = Buffer.from(original);
        copy[i] = original[i]! ^ flip;
        return copy;
      }),
      at.map((size) => original.subarray(0, size)),
      fc.tuple(at, at).map(([a, b]) => Buffer.concat([original.subarray(0, a), original.subarray(b)])),
      fc
        .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 64 }))
        .map(([i, more]) => Buffer.concat([original.subarray(0, i), more, original.subarray(i)])),
    );
    fc.assert(
      fc.property(mutation, (content) => {
        fc.pre(!content.equals(original));
        // A file cut short in place would be flushed to the disk each time by some file systems.
        rmSync(path, { force: true });
        writeFileSync(path, content);
        const message = refusal(() => readCheckpoint(path));
        expect(message).toContain(path);
        expect(message).toMatch(/^[^\n]+$/);
      }),
      { numRuns: 3000, seed: 231 },
    );
  }, 120_000);

  it('is refused in words when it was changed on purpose, checksum and all', () => {
    const path = write('step-1.safetensors', trainingState(1));
    const original = readFileSync(path);
    const refusalAfter = (change: (header: string) => string): string => {
      writeFileSync(path, original);
      forge(path, change);
      return refusal(() => readCheckpoint(path));
    };
    expect(refusalAfter((header) => header)).toBe('read without complaint');
    expect(refusalAfter((header) => header.replace('"b_vocab"', '"c_vocab"'))).toContain(
      'lacks the tensor b_vocab of shape [7]',
    );
    expect(refusalAfter((header) => header.replace('"shape":[3,8]', '"shape":[8,3]'))).toContain(
      'holds Wx with shape [8, 3], this model needs [3, 8]',
    );
    expect(refusalAfter((header) => header.replace('"dtype":"F32"', '"dtype":"I32"'))).toContain(
      'holds W_proj as I32, expected F32 or F64',
    );
    expect(refusalAfter((header) => header.replace(String.raw`\"step\":1`, String.raw`\"step\":-1`))).toContain(
      'unfit training state: step',
    );
    expect(
      refusalAfter((header) => header.replace(String.raw`\"formatVersion\":1`, String.raw`\"formatVersion\":2`)),
    ).toContain('has checkpoint format 2, this version of recap reads format 1');
  });

  it('is told from a safetensors file by other hands', () => {
    const path = join(folder, 'foreign.safetensors');
    writeFileSync(path, encodeHeader({ recap: '{}' }, []));
    expect(refusal(() => readCheckpoint(path))).toBe(
      `${path} is not a checkpoint of recap: it does not begin with recap's checksum.`,
    );
  });

  it('does not go into the memory of an engine with another precision or of another model', () => {
    const checkpoint = readCheckpoint(write('step-1.safetensors', trainingState(1)));
    expect(refusal(() => restoreCheckpoint(filledMemory('float64'), checkpoint))).toContain(
      'holds W_proj in 32 bits, this engine computes in float64',
    );
    expect(refusal(() => restoreCheckpoint(filledMemory('float32', { ...model, vocabSize: 9 }), checkpoint))).toContain(
      'W_embed has shape [7, 3], this model needs [9, 3]',
    );
  });

  it('captions on an engine with another precision', () => {
    const checkpoint = readCheckpoint(write('step-1.safetensors', trainingState(1)));
    const memory = filledMemory('float64');
    restoreParameters(memory, checkpoint.parameters);
    expect(flatView(memory, memory.parameters)[0]).toBe(Math.fround(Math.sin(1)));
  });
});

describe('the newest whole checkpoint', () => {
  it('is found behind torn, foreign, misnamed and empty ones, each named with its fault', () => {
    const whole = write('step-9.safetensors', trainingState(9));
    write('step-8.safetensors', trainingState(8));
    const torn = write('step-10.safetensors', trainingState(10));
    truncateSync(torn, readFileSync(torn).length - 1);
    write('step-20.safetensors', trainingState(20), undefined, 'another run');
    copyFileSync(whole, join(folder, 'step-30.safetensors'));
    writeFileSync(join(folder, 'step-40.safetensors'), '');
    for (const name of [
      'step-50.safetensors.tmp-1',
      'step-x.safetensors',
      'step-051.safetensors',
      'step-60.safetensors~',
    ]) {
      copyFileSync(whole, join(folder, name));
    }
    const bad: string[] = [];
    const found = newestWholeCheckpoint(folder, 'run', (path, why) =>
      bad.push(why.replace(path, path.slice(folder.length + 1))),
    );
    expect(found?.path).toBe(whole);
    expect(bad).toEqual([
      expect.stringContaining('step-40.safetensors is not a sound safetensors file: it has 0 bytes'),
      expect.stringContaining('step-30.safetensors holds step 9'),
      'step-20.safetensors was written by another run.',
      expect.stringContaining('step-10.safetensors is not a sound safetensors file: the file is truncated'),
    ]);
  });

  it('is null in an empty or missing folder', () => {
    const onBad = (): never => {
      throw new Error('nothing is bad here');
    };
    expect(newestWholeCheckpoint(folder, 'run', onBad)).toBeNull();
    expect(newestWholeCheckpoint(join(folder, 'none'), 'run', onBad)).toBeNull();
  });
});

describe('initial parameters', () => {
  const shapes = { W: [2, 2], b: [1] };
  const file = (tensors: Record<string, [shape: number[], data: Float64Array | Float32Array | Int32Array]>): string => {
    const path = join(folder, 'init.safetensors');
    const entries = Object.entries(tensors);
    const dtype = (data: object) =>
      data instanceof Float64Array ? 'F64' : data instanceof Float32Array ? 'F32' : 'I32';
    const header = encodeHeader(
      {},
      entries.map(([name, [shape, data]]) => ({ name, dtype: dtype(data), shape, bytes: data.byteLength })),
    );
    writeFileSync(path, Buffer.concat([header, ...entries.map(([, [, data]]) => Buffer.from(data.buffer))]));
    return path;
  };

  it('are read with all their digits in float64, and in float32', () => {
    const path = file({ b: [[1], Float32Array.of(0.5)], W: [[2, 2], Float64Array.of(Math.PI, 0, -1, 1e-300)] });
    expect(readInitialParameters(path, shapes)).toEqual(
      new Map<string, unknown>([
        ['W', Float64Array.of(Math.PI, 0, -1, 1e-300)],
        ['b', Float32Array.of(0.5)],
      ]),
    );
  });

  it.each([
    ['a missing tensor', { W: [[2, 2], new Float64Array(4)] }, 'lacks the tensor b of shape [1]'],
    [
      'one too many',
      { W: [[2, 2], new Float64Array(4)], b: [[1], new Float64Array(1)], c: [[1], new Float64Array(1)] },
      'holds the tensor "c", which this model does not have: expected W, b',
    ],
    [
      'a moment outside a checkpoint',
      { W: [[2, 2], new Float64Array(4)], b: [[1], new Float64Array(1)], 'adam.m.b': [[1], new Float64Array(1)] },
      'holds the tensor "adam.m.b"',
    ],
    [
      'another shape',
      { W: [[4], new Float64Array(4)], b: [[1], new Float64Array(1)] },
      'holds W with shape [4], this model needs [2, 2]',
    ],
    [
      'integers',
      { W: [[2, 2], new Float64Array(4)], b: [[1], new Int32Array(1)] },
      'holds b as I32, expected F32 or F64',
    ],
    [
      'NaN',
      { W: [[2, 2], Float64Array.of(0, 0, Number.NaN, 0)], b: [[1], new Float64Array(1)] },
      'element 2 of W is NaN',
    ],
  ] as [string, Parameters<typeof file>[0], string][])('refuse %s by name', (_name, tensors, message) => {
    expect(refusal(() => readInitialParameters(file(tensors), shapes))).toContain(message);
  });

  it('may come from a checkpoint', () => {
    const memory = filledMemory();
    const initial = readInitialParameters(
      write('step-1.safetensors', trainingState(1), memory),
      parameterShapes(model),
    );
    expect([...initial.keys()]).toEqual(Object.keys(parameterShapes(model)));
    expect(initial.get('W_proj')).toEqual(flatView(memory, memory.parameters).slice(0, 10));
  });
});
