/**
 * Measures a supplier of matrix products on forward and backward of a captioner, in the process that calls it. Libraries
 * can end a process, so it should be one of its own.
 */
import { layoutOf } from '../../../tensor/layout.js';
import type { ModelSpec } from '../../../tensor/model-spec.js';
import { packedPlan } from '../../../tensor/step-plan.js';
import type { RunRequest } from '../../engine.js';
import { allocateSharedMemory, parametersOf } from '../../shared-memory.js';
import { CpuExecutable } from '../cpu-engine.js';
import { type Kernels, loadKernels } from '../kernels.js';
import { cpuArenaBytes, dryRun } from '../working-memory.js';
import { type BlasLibrary, type NativeLibrary, openBlas } from './blas/blas-library.js';
import { type BlockedWeights, nativeProducts } from './blas/native-products.js';
import { bestGeneratedSet } from './native/generated-kernels.js';
import { generatedProducts } from './native/generated-products.js';
import type { ElementType, Products } from './products.js';
import { wasmProducts } from './wasm-products.js';

export interface MeasurementJob {
  readonly library: 'wasm' | 'native' | NativeLibrary;
  /** '' for wasm and native. */
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

const rows = 32;
const rounds = 4;

/**
 * @param spec the captioner
 * @throws Error when the library cannot be loaded or its products are wrong
 */
export function measure({ library, path, precision, blockedWeights }: MeasurementJob, spec: ModelSpec): Measurement {
  const layout = layoutOf(spec.parameters);
  const blas = library === 'wasm' || library === 'native' ? null : openBlas(library, path);
  blas?.useOneThread();
  const open = (kernels: Kernels, memory: WebAssembly.Memory): Products => {
    if (blas) return nativeProducts(blas, precision, blockedWeights, kernels, memory);
    return library === 'native' ? generatedProducts(bestGeneratedSet(), memory) : wasmProducts(kernels);
  };
  checkProducts(open);

  const sizing = open(loadKernels(emptyMemory()), emptyMemory());
  const arenaBytes = cpuArenaBytes(spec, layout, rows, sizing);
  const shared = allocateSharedMemory({ layout, precision: 'float32', shards: 1, arenaBytes, firstByte: 64 });
  fillPseudoRandom(parametersOf(shared) as Float32Array);
  const kernels = loadKernels(shared.memory);
  const products = open(kernels, shared.memory);
  const { gradients } = spec.programs;
  const limits = { rows, steps: spec.dimensions.steps };
  const executable = new CpuExecutable(gradients, limits, shared, kernels, products);
  const request = typicalRequest(spec);
  executable.run(request);
  let milliseconds = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    executable.run(request);
    milliseconds = Math.min(milliseconds, performance.now() - start);
  }
  const { version, kernels: chosen } = describe(blas);
  const { operations } = dryRun(gradients, layout, request.plan, products);
  return { version, kernels: chosen, milliseconds, gflops: operations / milliseconds / 1e6 };
}

function describe(blas: BlasLibrary | null): Pick<Measurement, 'version' | 'kernels'> {
  return blas ? { version: blas.version, kernels: blas.kernels } : { version: '', kernels: '' };
}

function emptyMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
}

/** Captions of the lengths that people write, a third of the words repeated. */
function typicalRequest({ dimensions }: ModelSpec): RunRequest {
  const { steps } = dimensions;
  const inputs = new Int32Array(rows * steps);
  const targets = new Int32Array(rows * steps);
  const word = (r: number, i: number) => 1 + ((r * 37 + i * i * 11) % 600);
  for (let r = 0; r < rows; r++) {
    const words = steps - Math.floor((r * steps) / (2 * rows));
    for (let i = 0; i < words; i++) {
      inputs[r * steps + i] = word(r, i);
      targets[r * steps + i] = word(r, i + 1);
    }
  }
  const images = Object.entries(dimensions.inputs).map(([name, columns]) => {
    const data = new Float32Array(rows * columns);
    fillPseudoRandom(data);
    return [name, { data, rows, columns }];
  });
  const plan = packedPlan({ rows, steps, inputs, targets, weights: null });
  return { shard: 0, plan, inputs: Object.fromEntries(images) };
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
