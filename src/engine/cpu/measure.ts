/**
 * Measures a supplier of matrix products on forward and backward of an LSTM captioner, in the process that calls it.
 * Libraries can end a process, so it should be one of its own.
 */
import { captionerPrograms } from '../../model/captioner.js';
import { type ModelShape, parameterLayout } from '../../model/parameters.js';
import { packedPlan } from '../../model/step-plan.js';
import type { RunRequest } from '../engine.js';
import { allocateSharedMemory, flatView } from '../shared-memory.js';
import { type BlasLibrary, type NativeLibrary, openBlas } from './blas/blas-library.js';
import { type BlockedWeights, nativeProducts } from './blas/native-products.js';
import { CpuExecutable } from './cpu-engine.js';
import { type Kernels, loadKernels } from './kernels.js';
import type { ElementType, Products } from './products.js';
import { wasmProducts } from './wasm-products.js';
import { cpuArenaBytes } from './working-memory.js';

export interface MeasurementJob {
  readonly library: 'wasm' | NativeLibrary;
  /** '' for wasm. */
  readonly path: string;
  readonly precision: ElementType;
  readonly blockedWeights: BlockedWeights;
}

export interface Measurement {
  readonly version: string;
  /** What the library calls its kernels for this processor, or ''. */
  readonly kernels: string;
  /** Milliseconds of one forward and backward pass. */
  readonly milliseconds: number;
  /** Floating-point operations of the products alone over the time of the whole. */
  readonly gflops: number;
}

const shape: ModelShape = { cell: 'lstm', featureDim: 512, wordDim: 256, hiddenDim: 512, vocabSize: 1024, steps: 10 };
const rows = 32;
const rounds = 4;

/** @throws Error when the library cannot be loaded or its products are wrong */
export function measure({ library, path, precision, blockedWeights }: MeasurementJob): Measurement {
  const layout = parameterLayout(shape);
  const blas = library === 'wasm' ? null : openBlas(library, path);
  blas?.useOneThread();
  const open = (kernels: Kernels, memory: WebAssembly.Memory): Products =>
    blas ? nativeProducts(blas, precision, blockedWeights, kernels, memory) : wasmProducts(kernels);
  checkProducts(open);

  const sizing = open(loadKernels(emptyMemory()), emptyMemory());
  const shared = allocateSharedMemory(layout, 'float32', 1, cpuArenaBytes(shape, rows, sizing), 64);
  fillPseudoRandom(flatView(shared, shared.parameters) as Float32Array);
  const kernels = loadKernels(shared.memory);
  const products = open(kernels, shared.memory);
  const { gradients } = captionerPrograms(shape);
  const executable = new CpuExecutable(gradients, { rows, steps: shape.steps }, shared, kernels, products);
  const request = typicalRequest();
  executable.run(request);
  let milliseconds = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    executable.run(request);
    milliseconds = Math.min(milliseconds, performance.now() - start);
  }
  const { version, kernels: chosen } = describe(blas);
  return { version, kernels: chosen, milliseconds, gflops: stepFlops(request) / milliseconds / 1e6 };
}

function describe(blas: BlasLibrary | null): Pick<Measurement, 'version' | 'kernels'> {
  return blas ? { version: blas.version, kernels: blas.kernels } : { version: '', kernels: '' };
}

function emptyMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
}

/** Captions of the lengths that people write, a third of the words repeated. */
function typicalRequest(): RunRequest {
  const columns = shape.steps + 1;
  const captions = new Int32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const words = shape.steps - Math.floor((r * shape.steps) / (2 * rows));
    for (let i = 0; i <= words; i++) captions[r * columns + i] = 1 + ((r * 37 + i * i * 11) % 600);
  }
  const data = new Float32Array(rows * shape.featureDim);
  fillPseudoRandom(data);
  const features = { data, rows, columns: shape.featureDim };
  return { shard: 0, plan: packedPlan(captions, rows, columns), tensors: { features } };
}

/** Multiplications and additions of the products of one pass. */
function stepFlops({ plan }: RunRequest): number {
  const { featureDim: D, wordDim: W, hiddenDim: H, vocabSize: V } = shape;
  return 2 * (2 * rows * D * H + 3 * plan.inputs * W * 4 * H + 3 * plan.tokens * (H * 4 * H + H * V));
}

/** In (-0.05, 0.05). */
function fillPseudoRandom(values: Float32Array): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 32 - 0.5) / 10;
  }
}

/** Compares products of every kind and of awkward sizes with ones in plain float64. */
function checkProducts(open: (kernels: Kernels, memory: WebAssembly.Memory) => Products): void {
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
  const kernels = loadKernels(memory);
  const products = open(kernels, memory);
  const region = (index: number) => 65536 + (index << 20);
  const [a, b, c, bias, roundedA, roundedB, prepared] = [0, 1, 2, 3, 4, 5, 6].map(region) as [
    ...[number, number, number, number, number, number, number],
  ];
  fillPseudoRandom(new Float32Array(memory.buffer, a, 4 << 18));
  const operand = (from: number, to: number, size: number): number => {
    if (products.operands === 'float32') return from;
    kernels.toBf16(from, size, to, size, 1, size);
    return to;
  };
  for (const [M, N, K] of [
    [1, 70, 33],
    [7, 129, 200],
    [50, 300, 65],
  ] as const) {
    const [aAt, bAt] = [operand(a, roundedA, M * K), operand(b, roundedB, K * N)];
    for (const [transposeA, transposeB, withBias] of [
      [false, false, true],
      [false, true, false],
      [true, false, false],
    ] as const) {
      const biasAt = withBias ? bias : 0;
      const check = () => {
        const tolerance = (0.05 ** 2 * Math.sqrt(K) + 0.05) * (products.operands === 'bf16' ? 2 ** -7 : 2 ** -20);
        checkProduct(memory, { transposeA, transposeB, M, N, K, a, b, c, bias: biasAt, tolerance });
      };
      products.multiply(transposeA, transposeB, M, N, K, aAt, bAt, c, biasAt, region(8));
      check();
      const use = { transposeB, everyStep: true, bias: withBias };
      if (transposeA || products.preparedBytes(use, N, K) === 0) continue;
      products.prepare(transposeB, N, K, bAt, prepared);
      products.multiplyPrepared(transposeB, M, N, K, aAt, prepared, c, biasAt, region(8));
      check();
    }
  }
}

interface CheckedProduct {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly bias: number;
  readonly tolerance: number;
}

function checkProduct(memory: WebAssembly.Memory, product: CheckedProduct): void {
  const { transposeA, transposeB, M, N, K, tolerance } = product;
  const view = (at: number, length: number) => new Float32Array(memory.buffer, at, length);
  const [a, b, c] = [view(product.a, M * K), view(product.b, K * N), view(product.c, M * N)];
  for (let i = 0; i < M; i++) {
    for (let j = i % 3; j < N; j += 3) {
      let expected = product.bias ? view(product.bias, N)[j]! : 0;
      for (let k = 0; k < K; k++) {
        expected += a[transposeA ? k * M + i : i * K + k]! * b[transposeB ? j * K + k : k * N + j]!;
      }
      const found = c[i * N + j]!;
      if (!(Math.abs(found - expected) <= tolerance)) {
        throw new Error(`its products are wrong: ${found} where ${expected} is right`);
      }
    }
  }
}
