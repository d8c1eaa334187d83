/** What a program without recap does: runs ONNX files by onnxruntime. */
import { expect } from 'vitest';
import { endId, nullId } from '../../src/data/vocabulary.js';

/** Null where the optional package is missing. */
export const runtime = await import('onnxruntime-node').then(
  ({ default: module }) => module as unknown as typeof import('onnxruntime-node'),
  () => null,
);
export type Tensors = Readonly<Record<string, import('onnxruntime-node').Tensor>>;

export async function runOnnx(bytes: Uint8Array, feeds: Tensors): Promise<Tensors> {
  const session = await runtime!.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** The captions in a table of words (n,t), each up to its end. */
export function captionsIn({ words }: Tensors): number[][] {
  const [rows, columns] = words!.dims as [number, number];
  const ids = Array.from(words!.data as BigInt64Array, Number);
  return Array.from({ length: rows }, (_, r) => {
    const row = ids.slice(r * columns, (r + 1) * columns);
    const length = row.indexOf(endId) + 1 || columns;
    expect(row.slice(length).every((word) => word === nullId)).toBe(true);
    return row.slice(0, length);
  });
}
