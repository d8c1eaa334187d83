/**
 * Products with weights in the blocked layout that oneDNN itself picks, through its primitives. Its `gemm` lays the
 * weights out anew in every call, which costs products of few rows a good part of their time.
 */
import type { LibraryHandle } from '../../../../foreign/koffi.js';
import { type OneDnnApi, openOneDnnApi } from './onednn-api.js';

// Values of the C enumeration of arguments.
const source = 1;
const destination = 17;
const weights = 33;
const addend = 41;

/** Rows of the product for which the layout of the weights is picked; it serves any number of rows. */
const typicalRows = 64;

/** Most products that are kept ready: each takes 125 KB, and captions of every length come in every number of rows. */
const mostProducts = 512;

/** A primitive with the memories it works on, whose addresses are set at each use. */
interface Ready {
  readonly primitive: number;
  /** The C array of arguments. */
  readonly list: BigUint64Array;
  readonly memories: readonly number[];
  /** Gives back what the library holds for it. */
  release(): void;
}

interface Weights {
  readonly layout: number;
  readonly bytes: number;
  readonly reorder: Ready;
}

/** Native addresses throughout. One for each thread. */
export class OneDnnMatmul {
  private readonly api: OneDnnApi;
  private readonly weights = new Map<string, Weights>();
  private readonly products = new Map<string, Ready>();

  constructor(library: LibraryHandle) {
    this.api = openOneDnnApi(library);
  }

  /** Bytes of op(B) (K,N) in the blocked layout. */
  blockedBytes(transposeB: boolean, N: number, K: number): number {
    return this.weightsOf(transposeB, N, K).bytes;
  }

  /** Lays B, stored (N,K) if transposed, else (K,N), out in the blocked layout. */
  reorder(transposeB: boolean, N: number, K: number, b: number, blocked: number): void {
    this.execute(this.weightsOf(transposeB, N, K).reorder, b, blocked);
  }

  /** C (M,N) = A·op(B), plus bias (N) in every row unless it is 0, A in bfloat16 and C in float32. */
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
    const ready = this.products.get(key) ?? this.product(M, N, K, this.weightsOf(transposeB, N, K).layout, bias !== 0);
    // Behind all others, so that the first one is always that which was not used for longest.
    this.products.delete(key);
    this.products.set(key, ready);
    if (this.products.size > mostProducts) this.releaseOldest();
    if (bias !== 0) this.execute(ready, a, blocked, c, bias);
    else this.execute(ready, a, blocked, c);
  }

  private releaseOldest(): void {
    const [key, ready] = this.products.entries().next().value!;
    this.products.delete(key);
    ready.release();
  }

  private weightsOf(transposeB: boolean, N: number, K: number): Weights {
    const key = `${N} ${K} ${transposeB}`;
    let known = this.weights.get(key);
    if (!known) {
      const { api } = this;
      const layout = api.pickedLayout(typicalRows, N, K, 'bf16');
      const plain = api.plainLayout(K, N, 'bf16', transposeB);
      const reorder = this.ready(api.reorder(plain, layout), [source, plain], [destination, layout]);
      api.dropLayout(plain);
      known = { layout, bytes: api.layoutBytes(layout), reorder };
      this.weights.set(key, known);
    }
    return known;
  }

  private product(M: number, N: number, K: number, layout: number, withBias: boolean): Ready {
    const { api } = this;
    const a = api.plainLayout(M, K, 'bf16');
    const c = api.plainLayout(M, N, 'float32');
    const bias = withBias ? api.plainLayout(1, N, 'float32') : 0;
    const parts: [number, number][] = [
      [source, a],
      [weights, layout],
      [destination, c],
    ];
    if (withBias) parts.push([addend, bias]);
    const ready = this.ready(api.matmul(a, layout, bias, c), ...parts);
    for (const plain of withBias ? [a, c, bias] : [a, c]) api.dropLayout(plain);
    return ready;
  }

  /** @param parts index and layout of each argument */
  private ready(description: number, ...parts: readonly (readonly [number, number])[]): Ready {
    const { api } = this;
    const memories = parts.map(([, layout]) => api.memory(layout));
    const list = BigUint64Array.from(parts.flatMap(([index], i) => [BigInt(index), BigInt(memories[i]!)]));
    const primitive = api.primitive(description);
    return { primitive, list, memories, release: () => api.release(primitive, description, memories) };
  }

  private execute({ primitive, list, memories }: Ready, ...addresses: number[]): void {
    for (let i = 0; i < memories.length; i++) this.api.setData(memories[i]!, addresses[i]!);
    this.api.execute(primitive, list);
  }
}
