/**
 * The part of oneDNN's C interface that describes and makes primitives, for versions 2 and 3: version 2 keeps
 * descriptions of memory in structures of the caller, version 3 behind handles.
 */

import { addressOf, type LibraryHandle } from '../../../../foreign/koffi.js';
import type { ElementType } from '../products.js';

// Values of the C enumerations, the same in both versions.
const dataTypes: Readonly<Record<ElementType, number>> = { bf16: 2, float32: 3 };
const anyLayout = 1;
const cpuEngine = 1;
const defaultStream = 1;
const queryWeights = 131;

/** Bytes for version 2's structures dnnl_memory_desc_t and dnnl_matmul_desc_t, which take 696 and 2800. */
const descriptionBytes = 1024;
const operationBytes = 4096;

const prototypes = {
  dnnl_engine_create: '(void *engine, int kind, size_t index)',
  dnnl_stream_create: '(void *stream, uintptr_t engine, unsigned int flags)',
  dnnl_reorder_primitive_desc_create:
    '(void *pd, uintptr_t from, uintptr_t fromEngine, uintptr_t to, uintptr_t toEngine, uintptr_t attributes)',
  dnnl_primitive_create: '(void *primitive, uintptr_t pd)',
  dnnl_primitive_execute: '(uintptr_t primitive, uintptr_t stream, int count, void *arguments)',
  dnnl_memory_create: '(void *memory, uintptr_t layout, uintptr_t engine, uintptr_t data)',
  dnnl_memory_set_data_handle: '(uintptr_t memory, uintptr_t data)',
  dnnl_primitive_destroy: '(uintptr_t primitive)',
  dnnl_primitive_desc_destroy: '(uintptr_t pd)',
  dnnl_memory_destroy: '(uintptr_t memory)',
} as const;

const prototypes2 = {
  dnnl_memory_desc_init_by_tag: '(uintptr_t layout, int ndims, void *dims, int type, int tag)',
  dnnl_memory_desc_init_by_strides: '(uintptr_t layout, int ndims, void *dims, int type, void *strides)',
  dnnl_matmul_desc_init: '(void *op, uintptr_t source, uintptr_t weights, uintptr_t bias, uintptr_t destination)',
  dnnl_primitive_desc_create: '(void *pd, void *op, uintptr_t attributes, uintptr_t engine, uintptr_t hint)',
} as const;

const prototypes3 = {
  dnnl_memory_desc_create_with_tag: '(void *layout, int ndims, void *dims, int type, int tag)',
  dnnl_memory_desc_create_with_strides: '(void *layout, int ndims, void *dims, int type, void *strides)',
  dnnl_matmul_primitive_desc_create:
    '(void *pd, uintptr_t engine, uintptr_t source, uintptr_t weights, uintptr_t bias, uintptr_t destination, ' +
    'uintptr_t attributes)',
  dnnl_memory_desc_destroy: '(uintptr_t layout)',
} as const;

type Call = (...values: unknown[]) => void;

/** All numbers are handles or native addresses, and what stands for a layout of memory is one of them. */
export interface OneDnnApi {
  /** The layout of a matrix (rows, columns), stored the other way round if transposed. To be dropped when it has been used. */
  plainLayout(rows: number, columns: number, type: ElementType, transposed?: boolean): number;
  /** What was made of the layout goes on without it. */
  dropLayout(layout: number): void;
  /** The layout of weights (K,N) that the library picks for a product of so many rows. */
  pickedLayout(rows: number, N: number, K: number, type: ElementType): number;
  layoutBytes(layout: number): number;
  /** A product of these layouts, `bias` 0 for none. */
  matmul(source: number, weights: number, bias: number, destination: number): number;
  reorder(from: number, to: number): number;
  primitive(description: number): number;
  memory(layout: number): number;
  setData(memory: number, address: number): void;
  release(primitive: number, description: number, memories: readonly number[]): void;
  /** @param list the C array of arguments, an index and a memory each */
  execute(primitive: number, list: BigUint64Array): void;
}

/** @throws Error where the library is neither version 2 nor 3 */
export function openOneDnnApi(library: LibraryHandle): OneDnnApi {
  const functionsOf = <N extends string>(table: Readonly<Record<N, string>>): Record<N, Call> =>
    Object.fromEntries(
      Object.entries<string>(table).map(([name, types]) => {
        const call = library.func(`int ${name}${types}`);
        const checked: Call = (...values) => {
          const status: number = call(...values);
          if (status !== 0) throw new Error(`${name} failed with status ${status}`);
        };
        return [name, checked];
      }),
    ) as Record<N, Call>;
  const common = functionsOf(prototypes);
  const layoutBytes = library.func('size_t dnnl_memory_desc_get_size(uintptr_t layout)');
  const queryLayout = library.func('uintptr_t dnnl_primitive_desc_query_md(uintptr_t pd, int what, int index)');
  const engine = created(common.dnnl_engine_create, cpuEngine, 0);
  const stream = created(common.dnnl_stream_create, engine, defaultStream);
  const { describe, drop, matmul } = isVersion3(library)
    ? version3(functionsOf(prototypes3), engine)
    : version2(functionsOf(prototypes2), engine);
  const plainLayout: OneDnnApi['plainLayout'] = (rows, columns, type, transposed = false) =>
    describe(rows, columns, type, transposed ? [1, rows] : [columns, 1]);
  return {
    plainLayout,
    dropLayout: drop,
    pickedLayout(rows, N, K, type) {
      const a = plainLayout(rows, K, type);
      const b = describe(K, N, type, anyLayout);
      const c = plainLayout(rows, N, 'float32');
      const product = matmul(a, b, 0, c);
      for (const layout of [a, b, c]) drop(layout);
      return Number(queryLayout(product, queryWeights, 0));
    },
    layoutBytes: (layout) => Number(layoutBytes(layout)),
    matmul,
    reorder: (from, to) => created(common.dnnl_reorder_primitive_desc_create, from, engine, to, engine, 0),
    primitive: (description) => created(common.dnnl_primitive_create, description),
    memory: (layout) => created(common.dnnl_memory_create, layout, engine, 0),
    setData: common.dnnl_memory_set_data_handle,
    release(primitive, description, memories) {
      common.dnnl_primitive_destroy(primitive);
      common.dnnl_primitive_desc_destroy(description);
      for (const memory of memories) common.dnnl_memory_destroy(memory);
    },
    execute: (primitive, list) => common.dnnl_primitive_execute(primitive, stream, list.length / 2, list),
  };
}

function isVersion3(library: LibraryHandle): boolean {
  try {
    library.func('int dnnl_memory_desc_create_with_tag()');
    return true;
  } catch {
    return false;
  }
}

/** Calls a function whose first argument receives a new handle, and returns it. */
function created(call: Call, ...values: unknown[]): number {
  const handle = new BigUint64Array(1);
  call(handle, ...values);
  return Number(handle[0]);
}

/** What the versions do each in their way. `layout`: the strides, or a format tag. */
interface Dialect {
  describe(rows: number, columns: number, type: ElementType, layout: readonly [number, number] | number): number;
  drop(description: number): void;
  readonly matmul: OneDnnApi['matmul'];
}

function version2(functions: Record<keyof typeof prototypes2, Call>, engine: number): Dialect {
  /** The structures, by address, until they have been copied. */
  const structures = new Map<number, Uint8Array>();
  return {
    describe(rows, columns, type, layout) {
      const structure = new Uint8Array(descriptionBytes);
      const address = addressOf(structure);
      structures.set(address, structure);
      const dims = int64s(rows, columns);
      if (typeof layout === 'number') {
        functions.dnnl_memory_desc_init_by_tag(address, 2, dims, dataTypes[type], layout);
      } else {
        functions.dnnl_memory_desc_init_by_strides(address, 2, dims, dataTypes[type], int64s(...layout));
      }
      return address;
    },
    drop: (description) => structures.delete(description),
    matmul(source, weights, bias, destination) {
      const operation = new Uint8Array(operationBytes);
      functions.dnnl_matmul_desc_init(operation, source, weights, bias, destination);
      return created(functions.dnnl_primitive_desc_create, operation, 0, engine, 0);
    },
  };
}

function version3(functions: Record<keyof typeof prototypes3, Call>, engine: number): Dialect {
  return {
    describe(rows, columns, type, layout) {
      const dims = int64s(rows, columns);
      return typeof layout === 'number'
        ? created(functions.dnnl_memory_desc_create_with_tag, 2, dims, dataTypes[type], layout)
        : created(functions.dnnl_memory_desc_create_with_strides, 2, dims, dataTypes[type], int64s(...layout));
    },
    drop: (description) => functions.dnnl_memory_desc_destroy(description),
    matmul: (source, weights, bias, destination) =>
      created(functions.dnnl_matmul_primitive_desc_create, engine, source, weights, bias, destination, 0),
  };
}

function int64s(...values: number[]): BigInt64Array {
  return BigInt64Array.from(values, BigInt);
}
