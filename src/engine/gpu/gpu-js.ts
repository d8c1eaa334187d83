/** The parts of gpu.js and of WebGPU that the engine uses and gpu.js's own types leave out or leave open. */
import { type GPU, Input } from 'gpu.js';
import type { NumberArray } from '../../tensor/matrix.js';
import type { GpuTensor } from './graph.js';

export interface WebGpuAdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isFallbackAdapter: boolean;
}

export interface WebGpuDevice {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  destroy(): void;
  onuncapturederror: ((event: { readonly error: { readonly message: string } }) => void) | null;
}

declare module 'gpu.js' {
  /** The one device of a thread. */
  const WebGPUContext: {
    acquire(): Promise<{ readonly adapter: { readonly info: WebGpuAdapterInfo }; readonly device: WebGpuDevice }>;
  };
}

export { GPU, WebGPUContext } from 'gpu.js';
export type { GPU as Gpu };

/** A row-major matrix as an argument of a kernel or pipeline. */
export function matrixArgument(values: NumberArray, { rows, columns }: Pick<GpuTensor, 'rows' | 'columns'>): Input {
  return new Input(values as unknown as number[], [columns, rows]);
}

/** Copies the first columns of a result of gpu.js, an array of rows, to a row-major matrix. */
export function copyRows(rows: readonly Float32Array[], columns: number, to: Float32Array): void {
  rows.forEach((row, y) => {
    to.set(row.length === columns ? row : row.subarray(0, columns), y * columns);
  });
}
