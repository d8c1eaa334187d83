/** A captioner's programs `start` and `step`, run by onnxruntime in a browser, as what searches go by. */
import type { InferenceSession } from 'onnxruntime-web/wasm';
import type { Executable } from '../../engine/engine.js';
import type { Member } from '../../model/decoding/decoder.js';
import type { Matrix, Named } from '../../tensor/matrix.js';

export type Runtime = typeof import('onnxruntime-web/wasm');

/** L of each tensor that is a grid: in files its vectors have a dimension of their own. */
export type Positions = Readonly<Record<string, number>>;

export function onnxMember(
  runtime: Runtime,
  start: InferenceSession,
  step: InferenceSession,
  positions: Positions,
  inputs: Named<Matrix>,
): Member {
  const run = async (session: InferenceSession, tensors: Named<Matrix>, words: Int32Array | null) => {
    const feeds = Object.entries(tensors).map(([name, matrix]) => [name, tensorOf(runtime, matrix, positions[name])]);
    const last = words && new runtime.Tensor('int64', BigInt64Array.from(words, BigInt), [words.length]);
    const found = await session.run({ ...Object.fromEntries(feeds), ...(last ? { words: last } : {}) });
    return Object.fromEntries(
      Object.entries(found).map(([name, tensor]) => [name.replace(/^next_/, ''), matrixOf(tensor)]),
    );
  };
  const started: Executable = {
    run: async (request) => {
      const tensors = await run(start, request.inputs, null);
      // What a step reads as it was given, start does not give again.
      const kept = Object.entries(request.inputs).filter(([name]) => step.inputNames.includes(name));
      return { loss: 0, tensors: { ...tensors, ...Object.fromEntries(kept) } };
    },
  };
  const stepped: Executable = {
    run: async ({ plan, inputs: tensors }) => ({ loss: 0, tensors: await run(step, tensors, plan.words) }),
  };
  return { start: started, step: stepped, inputs, shard: 0, parameters: 'live' };
}

function tensorOf({ Tensor }: Runtime, { data, rows, columns }: Matrix, positions: number | undefined) {
  const dims = positions === undefined ? [rows, columns] : [rows, positions, columns / positions];
  return new Tensor('float32', Float32Array.from(data), dims);
}

function matrixOf({ data, dims }: InferenceSession.OnnxValueMapType[string]): Matrix {
  return { data: data as Float32Array, rows: dims[0]!, columns: dims[1]! };
}
