import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { readGraph, withOutputs } from '../../src/features/onnx-graph.js';
import { lengthField } from '../../src/files/protobuf.js';

const model = readFileSync('test/fixtures/tiny-network.onnx');

describe('an ONNX file', () => {
  it('says its inputs with their sizes, its outputs, and every tensor inside', () => {
    expect(readGraph('tiny', model)).toEqual({
      inputs: [{ name: 'pixels', shape: [null, 3, 8, 8] }],
      outputs: ['logits'],
      tensors: ['cells', 'means', 'pooled', 'logits'],
      hasExternalWeights: false,
    });
  });

  it('gets more outputs without being written anew', () => {
    const more = withOutputs(model, ['cells', 'pooled']);
    expect(Buffer.from(more).subarray(0, model.length)).toEqual(model);
    const graphs = [model, more].map((bytes) => readGraph('tiny', bytes));
    expect(graphs.map(({ outputs }) => outputs)).toEqual([['logits'], ['logits', 'cells', 'pooled']]);
    expect(graphs[1]!.tensors).toEqual(graphs[0]!.tensors);
  });

  it('whose weights lie in other files says so', () => {
    // graph { initializer { name: "w", data_location: EXTERNAL } }
    const weight = Buffer.concat([lengthField(8, Buffer.from('w')), Uint8Array.of(14 * 8, 1)]);
    const bytes = lengthField(7, lengthField(5, weight));
    expect(readGraph('other', bytes).hasExternalWeights).toBe(true);
  });

  it('that is none, or cut anywhere, is a mistake of the user and nothing worse', () => {
    const read = (bytes: Uint8Array) => {
      try {
        readGraph('file', bytes);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    };
    expect(() => readGraph('text.onnx', Buffer.from('not an ONNX file'))).toThrow('text.onnx: not an ONNX model');
    expect(() => readGraph('empty.onnx', new Uint8Array())).toThrow('empty.onnx: not an ONNX model');
    for (let length = 0; length < model.length; length++) read(model.subarray(0, length));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read));
  });
});
