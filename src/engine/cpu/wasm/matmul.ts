/** Matrix products. */

// @ts-ignore: decorator
@inline
function element(a: usize, transposed: i32, row: u32, column: u32, stride: u32): f32 {
  return load<f32>(a + ((transposed ? column * stride + row : row * stride + column) << 2));
}

export function sgemm(
  transA: i32, transB: i32, M: u32, N: u32, K: u32, a: usize, lda: u32, b: usize, ldb: u32,
  accumulate: i32, c: usize, ldc: u32, bias: usize, scratch: usize,
): void {
  for (let i: u32 = 0; i < M; i++) {
    for (let j: u32 = 0; j < N; j++) {
      const at = c + ((i * ldc + j) << 2);
      let sum: f32 = 0;
      for (let k: u32 = 0; k < K; k++) sum += element(a, transA, i, k, lda) * element(b, transB, k, j, ldb);
      if (bias) sum += load<f32>(bias + (j << 2));
      if (accumulate) sum += load<f32>(at);
      store<f32>(at, sum);
    }
  }
}

export function packB(transB: i32, N: u32, K: u32, b: usize, ldb: u32, packed: usize): void {
  for (let k: u32 = 0; k < K; k++) {
    for (let j: u32 = 0; j < N; j++) store<f32>(packed + ((k * N + j) << 2), element(b, transB, k, j, ldb));
  }
}

export function sgemmPacked(
  transA: i32, M: u32, N: u32, K: u32, a: usize, lda: u32, packed: usize,
  accumulate: i32, c: usize, ldc: u32, bias: usize, scratch: usize,
): void {
  sgemm(transA, 0, M, N, K, a, lda, packed, N, accumulate, c, ldc, bias, scratch);
}
