/**
 * Measures a supplier of matrix products on the products of a training step, in the process that calls it. Libraries
 * can end a process, so it should be one of its own.
 */
import { loadKernels } from '../kernels.js';
import type { Products } from '../products.js';
import { wasmProducts } from '../wasm-products.js';
import { type BlasLibrary, type NativeLibrary, openBlas } from './blas-library.js';
import { bf16Products, float32Products } from './native-products.js';

export interface MeasurementJob {
  readonly library: 'wasm' | NativeLibrary;
  /** '' for wasm. */
  readonly path: string;
  readonly precision: 'float32' | 'bf16';
}

export interface Measurement {
  readonly version: string;
  /** What the library calls its kernels for this processor, or ''. */
  readonly kernels: string;
  /** Milliseconds that the products of one step take. */
  readonly milliseconds: number;
  readonly gflops: number;
}

interface Sample {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** How often a step has it. */
  readonly times: number;
  /** Whether B is a weight matrix that all time steps use. */
  readonly repeated: boolean;
}

/** An LSTM of H=512 on 50 captions: both products of each time step, and large ones of each kind. */
const samples: readonly Sample[] = [
  { transposeA: false, transposeB: false, M: 50, N: 2048, K: 512, times: 16, repeated: true },
  { transposeA: false, transposeB: true, M: 50, N: 512, K: 2048, times: 16, repeated: true },
  { transposeA: false, transposeB: false, M: 400, N: 1024, K: 512, times: 3, repeated: false },
  { transposeA: true, transposeB: false, M: 512, N: 1024, K: 400, times: 6, repeated: false },
  { transposeA: false, transposeB: true, M: 400, N: 512, K: 1024, times: 4, repeated: false },
];

const rounds = 4;
const largest = 512 * 2048;
const regionBytes = largest * 4;

/** @throws Error when the library cannot be loaded or its results are wrong */
export function measure({ library, path, precision }: MeasurementJob): Measurement {
  // Regions: A, B, C, prepared B, and three of working memory.
  const memory = new WebAssembly.Memory({ initial: 512, maximum: 512, shared: true });
  const kernels = loadKernels(memory);
  const region = (index: number) => 65536 + index * regionBytes;
  fillPseudoRandom(new Float32Array(memory.buffer, region(0), 2 * largest));

  let blas: BlasLibrary | null = null;
  let products: Products;
  if (library === 'wasm') {
    products = wasmProducts(kernels);
  } else {
    blas = openBlas(library, path);
    blas.useOneThread();
    products = (precision === 'bf16' ? bf16Products : float32Products)(blas, kernels, memory);
  }

  let milliseconds = 0;
  let flops = 0;
  for (const sample of samples) {
    const { transposeA, transposeB, M, N, K, times } = sample;
    const prepared = sample.repeated && products.preparedBytes(transposeB, N, K) > 0;
    if (prepared) products.prepare(transposeB, N, K, region(1), region(3), region(4));
    const once = () =>
      prepared
        ? products.multiplyPrepared(transposeB, M, N, K, region(0), region(3), region(2), 0, region(4))
        : products.multiply(transposeA, transposeB, M, N, K, region(0), region(1), region(2), 0, region(4));
    once();
    checkResult(memory, sample, precision, region(0), region(1), region(2));
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      once();
      best = Math.min(best, performance.now() - start);
    }
    milliseconds += times * best;
    flops += times * 2 * M * N * K;
  }
  const { version = '', kernels: chosen = '' } = blas ?? {};
  return { version, kernels: chosen, milliseconds, gflops: flops / milliseconds / 1e6 };
}

/** In (-0.5, 0.5). */
function fillPseudoRandom(values: Float32Array): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 32 - 0.5;
  }
}

function checkResult(
  memory: WebAssembly.Memory,
  { transposeA, transposeB, M, N, K }: Sample,
  precision: 'float32' | 'bf16',
  aOffset: number,
  bOffset: number,
  cOffset: number,
): void {
  const a = new Float32Array(memory.buffer, aOffset, M * K);
  const b = new Float32Array(memory.buffer, bOffset, K * N);
  const c = new Float32Array(memory.buffer, cOffset, M * N);
  // Rounding an operand to bfloat16 changes it by up to 2^-9 of itself; sums of random terms grow with √K.
  const tolerance = (precision === 'bf16' ? 2 ** -8 : 2 ** -20) * Math.sqrt(K);
  for (let i = 0; i < M; i += 7) {
    const j = (i * 31) % N;
    let expected = 0;
    for (let k = 0; k < K; k++)
      expected += a[transposeA ? k * M + i : i * K + k]! * b[transposeB ? j * K + k : k * N + j]!;
    const found = c[i * N + j]!;
    if (!(Math.abs(found - expected) <= tolerance)) {
      throw new Error(`its product is wrong: ${found} where ${expected.toFixed(6)} is right`);
    }
  }
}
