// Float32 products by whichever libraries the dynamic linker finds, on one thread, for comparison.

import { createRequire } from 'node:module';

const koffi = createRequire(import.meta.url)('koffi');

const cblas = { rowMajor: 101, plain: 111, transposed: 112 };
const cblasSgemm =
  'void cblas_sgemm(int order, int transa, int transb, int m, int n, int k, float alpha, uintptr_t a, int lda, ' +
  'uintptr_t b, int ldb, float beta, uintptr_t c, int ldc)';
const oneDnnSgemm =
  'int dnnl_sgemm(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, uintptr_t a, int64_t lda, ' +
  'uintptr_t b, int64_t ldb, float beta, uintptr_t c, int64_t ldc)';

const libraries = [
  ['OpenBLAS', ['libopenblas.so.0'], openCblas],
  ['BLIS', ['libblis.so.4', 'libblis.so.3'], openCblas],
  ['MKL', ['libmkl_rt.so.2', 'libmkl_rt.so'], openCblas],
  ['oneDNN', ['libdnnl.so.3', 'libdnnl.so.2'], openOneDnn],
];

/** [name, products] of each library that is installed. */
export function libraryProducts(memory) {
  for (const name of ['OMP', 'OPENBLAS', 'MKL', 'BLIS']) process.env[`${name}_NUM_THREADS`] = '1';
  const base = Number(koffi.address(new Uint8Array(memory.buffer)));
  return libraries.flatMap(([name, files, open]) => {
    const gemm = files.map((file) => loaded(file, open)).find((found) => found);
    return gemm ? [[name, productsOf(gemm, base)]] : [];
  });
}

function loaded(file, open) {
  try {
    const library = koffi.load(file);
    try {
      library.func('void omp_set_num_threads(int n)')(1);
    } catch {
      // It has no threads of its own.
    }
    return open(library);
  } catch {
    return null;
  }
}

function openCblas(library) {
  const sgemm = library.func(cblasSgemm);
  return (transA, transB, M, N, K, a, lda, b, ldb, c) => {
    const [opA, opB] = [transA, transB].map((transposed) => (transposed ? cblas.transposed : cblas.plain));
    sgemm(cblas.rowMajor, opA, opB, M, N, K, 1, a, lda, b, ldb, 0, c, N);
  };
}

function openOneDnn(library) {
  const sgemm = library.func(oneDnnSgemm);
  return (transA, transB, M, N, K, a, lda, b, ldb, c) => {
    const [opA, opB] = [transA, transB].map((transposed) => (transposed ? 'T' : 'N').charCodeAt(0));
    sgemm(opA, opB, M, N, K, 1, a, lda, b, ldb, 0, c, N);
  };
}

function productsOf(gemm, base) {
  return {
    operands: 'float32',
    preparedBytes: () => 0,
    multiply: (transA, transB, M, N, K, a, b, c) =>
      gemm(transA, transB, M, N, K, base + a, transA ? M : K, base + b, transB ? K : N, base + c),
  };
}
