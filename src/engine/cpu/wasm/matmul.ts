/**
 * Matrix products in the manner of BLIS (Van Zee and van de Geijn, 2015): blocks of A and B that fit the caches, packed
 * in the order in which the tiles read them.
 *
 * An element is one chain of multiply-adds in rising k, from what is there already and the bias on: where K is cut, the sum
 * so far is stored in float32 and gone on from. Where a multiply-add is rounded once, these are the bits of the products
 * in ../suppliers/native.
 */
import { packB, packPanelOfA } from './pack';
import { addBias, copyColumns } from './rows';
import { multiplyTile, tileColumns, tileRows } from './tile';

/** Elements of K in a block: a panel of B stays in the first cache. */
const blockK: u32 = 512;
/** Rows in a block: a block of A stays in the second cache. */
const blockM: u32 = 96;
/** Columns in a block of B that is packed on the way. */
const blockN: u32 = 512;

/** Places in the scratch memory (`sgemmScratchBytes`): a tile at the edge, what sums start from, blocks of A and B. */
const tileAt: usize = 0;
const startAt: usize = tileAt + tileRows * tileColumns * 4;
const blockAAt: usize = 256;
const blockBAt: usize = blockAAt + blockM * blockK * 4;

/** Parts of at most `most` that `total` is split into; they differ by one at most. */
// @ts-ignore: decorator
@inline
function parts(total: u32, most: u32): u32 {
  return (total + most - 1) / most;
}

/** How many of `total` the first `part` of `count` even parts hold. */
// @ts-ignore: decorator
@inline
function before(part: u32, total: u32, count: u32): u32 {
  const rest = total % count;
  return part * (total / count) + (part < rest ? part : rest);
}

function packBlockOfA(transA: i32, a: usize, lda: u32, rows: u32, K: u32, to: usize): void {
  const tiles = parts(rows, tileRows);
  for (let t: u32 = 0; t < tiles; t++) {
    const first = before(t, rows, tiles);
    const height = before(t + 1, rows, tiles) - first;
    packPanelOfA(transA, a + ((transA ? first : first * lda) << 2), lda, height, K, to);
    to += (height * K) << 2;
  }
}

/** All tiles of one packed block of A with N columns of packed panels of B, `panelBytes` apart. */
function multiplyBlock(
  M: u32, N: u32, K: u32, a: usize, b: usize, panelBytes: u32, c: usize, stride: u32, add: i32, bias: usize,
  scratch: usize,
): void {
  const tiles = parts(M, tileRows);
  const low = M / tiles;
  const higher = M % tiles;
  const tile = scratch + tileAt;
  const start = scratch + startAt;
  memory.fill(start, 0, tileColumns << 2);
  for (let j: u32 = 0; j < N; j += tileColumns) {
    const columns = min(N - j, tileColumns);
    if (bias) memory.copy(start, bias + (j << 2), columns << 2);
    let aTile = a;
    let cTile = c + (j << 2);
    for (let t: u32 = 0; t < tiles; t++) {
      const rows = low + <u32>(t < higher);
      if (columns == tileColumns) {
        if (add) multiplyTile(rows, K, aTile, b, cTile, stride, cTile, stride);
        else multiplyTile(rows, K, aTile, b, start, 0, cTile, stride);
      } else {
        // A tile that reaches over the last column is made aside.
        const width = tileColumns << 2;
        if (add) {
          copyColumns(cTile, stride >> 2, tile, tileColumns, rows, columns);
          multiplyTile(rows, K, aTile, b, tile, width, tile, width);
        } else {
          multiplyTile(rows, K, aTile, b, start, 0, tile, width);
        }
        copyColumns(tile, tileColumns, cTile, stride >> 2, rows, columns);
      }
      aTile += (rows * K) << 2;
      cTile += rows * stride;
    }
    b += panelBytes;
  }
}

/** One block of K: rows of A block by block with panels of B that are packed already. */
function multiplyRows(
  transA: i32, M: u32, N: u32, K: u32, a: usize, lda: u32, b: usize, panelBytes: u32, add: i32, c: usize,
  stride: u32, bias: usize, scratch: usize,
): void {
  const blocks = parts(M, blockM);
  for (let block: u32 = 0; block < blocks; block++) {
    const i = before(block, M, blocks);
    const rows = before(block + 1, M, blocks) - i;
    packBlockOfA(transA, a + ((transA ? i : i * lda) << 2), lda, rows, K, scratch + blockAAt);
    multiplyBlock(
      rows, N, K, scratch + blockAAt, b, panelBytes, c + i * stride, stride, add, bias, scratch,
    );
  }
}

export function sgemm(
  transA: i32, transB: i32, M: u32, N: u32, K: u32, a: usize, lda: u32, b: usize, ldb: u32,
  accumulate: i32, c: usize, ldc: u32, bias: usize, scratch: usize,
): void {
  if (accumulate && bias) {
    addBias(c, bias, M, N, ldc);
    bias = 0;
  }
  const blocks = max(parts(K, blockK), 1);
  for (let j: u32 = 0; j < N; j += blockN) {
    const columns = min(N - j, blockN);
    for (let block: u32 = 0; block < blocks; block++) {
      const k = before(block, K, blocks);
      const depth = before(block + 1, K, blocks) - k;
      const bAt = b + ((transB ? j * ldb + k : k * ldb + j) << 2);
      packB(transB, columns, depth, bAt, ldb, scratch + blockBAt);
      multiplyRows(
        transA, M, columns, depth, a + ((transA ? k * lda : k) << 2), lda,
        scratch + blockBAt, (depth * tileColumns) << 2,
        accumulate | <i32>(block > 0), c + (j << 2), ldc << 2,
        bias && block == 0 ? bias + (j << 2) : 0, scratch,
      );
    }
  }
}

export function sgemmPacked(
  transA: i32, M: u32, N: u32, K: u32, a: usize, lda: u32, packed: usize,
  accumulate: i32, c: usize, ldc: u32, bias: usize, scratch: usize,
): void {
  if (accumulate && bias) {
    addBias(c, bias, M, N, ldc);
    bias = 0;
  }
  const blocks = max(parts(K, blockK), 1);
  for (let block: u32 = 0; block < blocks; block++) {
    const k = before(block, K, blocks);
    const depth = before(block + 1, K, blocks) - k;
    multiplyRows(
      transA, M, N, depth, a + ((transA ? k * lda : k) << 2), lda,
      packed + ((k * tileColumns) << 2), (K * tileColumns) << 2,
      accumulate | <i32>(block > 0), c, ldc << 2, block == 0 ? bias : 0, scratch,
    );
  }
}
