/**
 * Products with weights in the blocked layout that oneDNN itself picks, through the primitives of its C interface.
 * `dnnl_sgemm` lays the weights out anew in every call, which costs products of few rows a good part of their time.
 */
import type { ElementType } from '../products.js';
import { koffi, type LibraryHandle } from './koffi.js';

// Values of the C enumerations, for oneDNN 2.
const dataTypes: Readonly<Record<ElementType, number>> = { bf16: 2, float32: 3 };
const anyLayout = 1;
const cpuEngine = 1;
const defaultStream = 1;
const queryWeights = 131;
const argument = { source: 1, destination: 17, weights: 33, bias: 41 } as const;

/** Bytes for the C structures dnnl_memory_desc_t and dnnl_matmul_desc_t, which take 696 and 2800. */
const descriptionBytes = 1024;
const operationBytes = 4096;

/** Rows of the product for which the layout of the weights is picked; it serves any number of rows. */
const typicalRows = 64;

const prototypes = {
  dnnl_engine_create: '(void *engine, int kind, size_t index)',
  dnnl_stream_create: '(void *stream, uintptr_t engine, unsigned int flags)',
  dnnl_memory_desc_init_by_tag: '(uintptr_t md, int ndims, void *dims, int type, int tag)',
  dnnl_memory_desc_init_by_strides: '(uintptr_t md, int ndims, void *dims, int type, void *strides)',
  dnnl_matmul_desc_init: '(void *op, uintptr_t source, uintptr_t weights, uintptr_t bias, uintptr_t destination)',
  dnnl_primitive_desc_create: '(void *pd, void *op, uintptr_t attributes, uintptr_t engine, uintptr_t hint)',
  dnnl_reorder_primitive_desc_create:
    '(void *pd, uintptr_t from, uintptr_t fromEngine, uintptr_t to, uintptr_t toEngine, uintptr_t attributes)',
  dnnl_primitive_create: '(void *primitive, uintptr_t pd)',
  dnnl_primitive_execute: '(uintptr_t primitive, uintptr_t stream, int count, void *arguments)',
  dnnl_memory_create: '(void *memory, uintptr_t md, uintptr_t engine, uintptr_t data)',
  dnnl_memory_set_data_handle: '(uintptr_t memory, uintptr_t data)',
} as const;

type Call = (...values: unknown[]) => number;

/** A primitive with the memories it works on, whose addresses are set at each use. */
interface Ready {
  readonly primitive: number;
  /** The C array of arguments. */
  readonly list: BigUint64Array;
  readonly memories: readonly number[];
}

interface Weights {
  /** Address of the description of the blocked layout. */
  readonly description: number;
  readonly bytes: number;
  readonly reorder: Ready;
}

/** Native addresses throughout. One for each thread. */
export class OneDnnMatmul {
  private readonly functions: Readonly<Record<keyof typeof prototypes, Call>>;
  private readonly sizeOf: (description: number) => number;
  private readonly queryDescription: (primitive: number, what: number, index: number) => number;
  private readonly engine: number;
  private readonly stream: number;
  private readonly weights = new Map<string, Weights>();
  private readonly products = new Map<string, Ready>();
  /** Structures that the library reads later. */
  private readonly kept: Uint8Array[] = [];

  constructor(
    library: LibraryHandle,
    private readonly type: ElementType,
  ) {
    this.functions = Object.fromEntries(
      Object.entries(prototypes).map(([name, types]) => [name, library.func(`int ${name}${types}`)]),
    ) as unknown as Record<keyof typeof prototypes, Call>;
    this.sizeOf = library.func('size_t dnnl_memory_desc_get_size(uintptr_t md)');
    this.queryDescription = library.func('uintptr_t dnnl_primitive_desc_query_md(uintptr_t pd, int what, int index)');
    this.engine = this.create('dnnl_engine_create', cpuEngine, 0);
    this.stream = this.create('dnnl_stream_create', this.engine, defaultStream);
  }

  /** Bytes of op(B) (K,N) in the blocked layout. @throws Error where the library has no such layout here */
  blockedBytes(transposeB: boolean, N: number, K: number): number {
    return this.weightsOf(transposeB, N, K).bytes;
  }

  /** Lays B, stored (N,K) if transposed, else (K,N), out in the blocked layout. */
  reorder(transposeB: boolean, N: number, K: number, b: number, blocked: number): void {
    this.execute(this.weightsOf(transposeB, N, K).reorder, b, blocked);
  }

  /** C (M,N) = A·op(B), plus bias (N) in every row unless it is 0, A of the element type and C float32. */
  multiply(
    transposeB: boolean,
    M: number,
    N: number,
    K: number,
    a: number,
    blocked: number,
    c: number,
    bias: number,
  ): void {
    const key = `${M} ${N} ${K} ${transposeB} ${bias !== 0}`;
    let ready = this.products.get(key);
    if (!ready) {
      const { description } = this.weightsOf(transposeB, N, K);
      ready = this.product(M, N, K, description, bias !== 0);
      this.products.set(key, ready);
    }
    if (bias !== 0) this.execute(ready, a, blocked, c, bias);
    else this.execute(ready, a, blocked, c);
  }

  private weightsOf(transposeB: boolean, N: number, K: number): Weights {
    const key = `${N} ${K} ${transposeB}`;
    let weights = this.weights.get(key);
    if (!weights) {
      const any = this.describe('dnnl_memory_desc_init_by_tag', [K, N], this.type, anyLayout);
      const typical = this.productDescription(
        this.plain(typicalRows, K, this.type),
        any,
        0,
        this.plain(typicalRows, N),
      );
      const blocked = Number(this.queryDescription(typical, queryWeights, 0));
      const plain = this.plain(K, N, this.type, transposeB);
      const reorder = this.create('dnnl_reorder_primitive_desc_create', plain, this.engine, blocked, this.engine, 0);
      weights = {
        description: blocked,
        bytes: Number(this.sizeOf(blocked)),
        reorder: this.ready(reorder, [
          [argument.source, plain],
          [argument.destination, blocked],
        ]),
      };
      this.weights.set(key, weights);
    }
    return weights;
  }

  private product(M: number, N: number, K: number, weights: number, withBias: boolean): Ready {
    const source = this.plain(M, K, this.type);
    const destination = this.plain(M, N);
    const bias = withBias ? this.plain(1, N) : 0;
    const parts: [number, number][] = [
      [argument.source, source],
      [argument.weights, weights],
      [argument.destination, destination],
    ];
    if (withBias) parts.push([argument.bias, bias]);
    return this.ready(this.productDescription(source, weights, bias, destination), parts);
  }

  private productDescription(source: number, weights: number, bias: number, destination: number): number {
    const operation = new Uint8Array(operationBytes);
    this.call('dnnl_matmul_desc_init', operation, source, weights, bias, destination);
    return this.create('dnnl_primitive_desc_create', operation, 0, this.engine, 0);
  }

  /** The description of a matrix (rows, columns), stored the other way round if transposed. */
  private plain(rows: number, columns: number, type: ElementType = 'float32', transposed = false): number {
    const strides = BigInt64Array.from(transposed ? [1n, BigInt(rows)] : [BigInt(columns), 1n]);
    return this.describe('dnnl_memory_desc_init_by_strides', [rows, columns], type, strides);
  }

  private describe(name: keyof typeof prototypes, dims: readonly number[], type: ElementType, layout: unknown): number {
    const structure = new Uint8Array(descriptionBytes);
    this.kept.push(structure);
    const address = Number(koffi().address(structure));
    this.call(name, address, dims.length, BigInt64Array.from(dims, BigInt), dataTypes[type], layout);
    return address;
  }

  /** @param parts of each argument its index and description */
  private ready(description: number, parts: readonly (readonly [number, number])[]): Ready {
    const memories = parts.map(([, part]) => this.create('dnnl_memory_create', part, this.engine, 0));
    const list = BigUint64Array.from(parts.flatMap(([index], i) => [BigInt(index), BigInt(memories[i]!)]));
    return { primitive: this.create('dnnl_primitive_create', description), list, memories };
  }

  private execute({ primitive, list, memories }: Ready, ...addresses: number[]): void {
    for (let i = 0; i < memories.length; i++) this.call('dnnl_memory_set_data_handle', memories[i], addresses[i]);
    this.call('dnnl_primitive_execute', primitive, this.stream, memories.length, list);
  }

  /** Calls a function whose first argument receives a new handle, and returns it. */
  private create(name: keyof typeof prototypes, ...values: unknown[]): number {
    const handle = new BigUint64Array(1);
    this.call(name, handle, ...values);
    return Number(handle[0]);
  }

  private call(name: keyof typeof prototypes, ...values: unknown[]): void {
    const status = this.functions[name](...values);
    if (status !== 0) throw new Error(`${name} failed with status ${status}`);
  }
}
