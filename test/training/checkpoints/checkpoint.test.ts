import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parametersOf } from '../../../src/engine/shared-memory.js';
import { UserError } from '../../../src/errors.js';
import { encodeHeader } from '../../../src/files/safetensors.js';
import { layoutOf } from '../../../src/tensor/layout.js';
import { parameter } from '../../../src/tensor/model-spec.js';
import {
  readCheckpoint,
  readInitialParameters,
  restoreCheckpoint,
  restoreParameters,
} from '../../../src/training/checkpoints/checkpoint.js';
import type { TrainingState } from '../../../src/training/checkpoints/checkpoint-writer.js';
import { version } from '../../../src/version.js';
import {
  arraysOf,
  filledMemory,
  forge,
  recipeOf,
  trainingState,
  writeCheckpoint,
  writerState,
} from './checkpoint-fixtures.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, state: TrainingState, memory = filledMemory()): string =>
  writeCheckpoint(folder, name, state, { memory });

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  return 'read without complaint';
}

describe('a checkpoint', () => {
  it.each(['float32', 'float64'] as const)('gives back state, parameters and moments to the bit in %s', (precision) => {
    const memory = filledMemory(precision);
    const state = trainingState(30, 2.5, precision);
    const checkpoint = readCheckpoint(write('step-30.safetensors', state, memory));
    expect(checkpoint.state).toEqual({ ...writerState, ...state });
    const restored = filledMemory(precision);
    for (const flat of arraysOf(restored)) flat.fill(9);
    restoreCheckpoint(restored, checkpoint);
    const groups = [checkpoint.parameters, checkpoint.states.m!, checkpoint.states.v!];
    const written = arraysOf(memory);
    for (const [i, flat] of arraysOf(restored).entries()) {
      for (const { name, shape, offset, size } of memory.layout.places) {
        expect(flat.subarray(offset, offset + size), name).toEqual(written[i]!.subarray(offset, offset + size));
        expect(groups[i]!.get(name)?.shape).toEqual(shape);
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
  });

  it('is refused in words when it was changed on purpose, checksum and all', () => {
    const path = write('step-1.safetensors', trainingState(1));
    const original = readFileSync(path);
    const refusalAfter = (change: (header: string) => string): string => {
      writeFileSync(path, original);
      forge(path, change);
      return refusal(() => restoreCheckpoint(filledMemory(), readCheckpoint(path)));
    };
    expect(refusalAfter((header) => header)).toBe('read without complaint');
    expect(refusalAfter((header) => header.replace('"b_vocab"', '"c_vocab"'))).toContain(
      'holds the tensor "c_vocab", which this model does not have',
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
    for (const steps of [0, 4097, 1e7, 1e15]) {
      expect(
        refusalAfter((header) => header.replace(String.raw`\"steps\":4`, String.raw`\"steps\":${steps}`)),
      ).toContain('unfit training state: model.dimensions.steps');
    }
    for (const [option, found] of [
      ['layers', '1e9'],
      ['wordDim', '-1'],
      ['hiddenDim', String.raw`\"x\"`],
    ] as const) {
      const change = (header: string) =>
        header.replace(new RegExp(String.raw`(\\"options\\":{.*?\\"${option}\\":)\d+`), (_, before) => before + found);
      expect(refusalAfter(change)).toContain(`unfit training state: model.${option} is`);
    }
    expect(
      refusalAfter((header) => header.replace(String.raw`\"formatVersion\":2`, String.raw`\"formatVersion\":0`)),
    ).toContain('has checkpoint format 0, this version of recap reads formats 1 to 2');
  });

  it('of a newer format is refused with the version that wrote it', () => {
    const path = write('step-1.safetensors', trainingState(1));
    forge(path, (header) =>
      header
        .replace(String.raw`\"formatVersion\":2`, String.raw`\"formatVersion\":3`)
        .replace(String.raw`\"recapVersion\":\"${version}`, String.raw`\"recapVersion\":\"7.8.9`),
    );
    expect(refusal(() => readCheckpoint(path))).toBe(
      `${path} was written by recap 7.8.9 in checkpoint format 3; this is recap ${version}, which reads formats 1 to 2. ` +
        'Use the version that wrote it, or a newer one.',
    );
  });

  it('whose parameters are not finite is refused, so that nothing is captioned by them', () => {
    const memory = filledMemory();
    parametersOf(memory)[3] = Number.NaN;
    const checkpoint = readCheckpoint(write('step-1.safetensors', trainingState(1), memory));
    expect(refusal(() => restoreParameters(filledMemory(), checkpoint))).toContain(
      'element 3 of W_proj is NaN, expected a finite number',
    );
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
    expect(refusal(() => restoreCheckpoint(filledMemory('float32', recipeOf(9)), checkpoint))).toContain(
      'holds adam.m.W_embed with shape [7, 3], this model needs [9, 3]',
    );
  });

  it('captions on an engine with another precision', () => {
    const checkpoint = readCheckpoint(write('step-1.safetensors', trainingState(1)));
    const memory = filledMemory('float64');
    restoreParameters(memory, checkpoint);
    expect(parametersOf(memory)[0]).toBe(Math.fround(Math.sin(1)));
  });
});

describe('a file of a terabyte that holds nothing', () => {
  it('is refused by its header, before memory is taken for it', () => {
    const path = join(folder, 'sparse.safetensors');
    const header = encodeHeader({}, [{ name: 'W_embed', dtype: 'F32', shape: [2 ** 38], bytes: 2 ** 40 }]);
    writeFileSync(path, header);
    truncateSync(path, header.length + 2 ** 40);
    expect(refusal(() => readCheckpoint(path))).toContain('is not a checkpoint of recap');
    const layout = layoutOf([parameter('W_embed', [7, 3], 'zeros')]);
    expect(refusal(() => readInitialParameters(path, layout))).toContain('this model needs [7, 3]');
  });
});

describe('initial parameters', () => {
  const layout = layoutOf([parameter('W', [2, 2], 'zeros'), parameter('b', [1], 'zeros')]);
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
    expect(readInitialParameters(path, layout)).toEqual(
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
    expect(refusal(() => readInitialParameters(file(tensors), layout))).toContain(message);
  });

  it('may come from a checkpoint', () => {
    const memory = filledMemory();
    const initial = readInitialParameters(write('step-1.safetensors', trainingState(1), memory), memory.layout);
    expect([...initial.keys()]).toEqual(memory.layout.places.map(({ name }) => name));
    expect(initial.get('W_proj')).toEqual(parametersOf(memory).slice(0, 10));
  });
});
