/** How products are cut into blocks that fit the caches, and the working memory that the packed blocks take. */

/**
 * The tile of a set of kernels: rows, columns, and 32-bit words from one step to the next in a packed panel of A. A step
 * is one k, or two neighbours where a word holds two elements; `mostSteps` are those of a block.
 */
export interface TileShape {
  readonly rows: number;
  readonly columns: number;
  readonly packedRows: number;
  readonly elementsPerWord: 1 | 2;
  readonly mostSteps: number;
}

/** Steps that the inner loop does at once. */
const unrolled = 4;
/** Rows of A that about fill the second cache at a block's depth; more of them mean packing B less often. */
const mostRows = 516;
/** Panels of B that are packed at once: rows of B are read by whole cache lines, and panels stay in the second cache. */
const mostPanels = 4;
/** Packing writes whole vectors, and so a few floats behind the last panel of A. */
const slackBytes = 64;

export interface Blocks {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Blocks of rows and of depth as large as each other, in whole tiles. */
export function blocksOf(tile: TileShape, M: number, K: number): Blocks {
  return {
    rows: evenPart(M, mostRows, tile.rows),
    columns: mostPanels * tile.columns,
    depth: evenPart(K, tile.mostSteps * tile.elementsPerWord, unrolled * tile.elementsPerWord),
  };
}

/** The smallest multiple of `unit` by which `total` falls into no more parts than it must. */
function evenPart(total: number, most: number, unit: number): number {
  const parts = Math.max(1, Math.ceil(total / most));
  return Math.max(unit, Math.ceil(total / parts / unit) * unit);
}

/** Bytes that the packed blocks of a product take at most; never fewer for a larger product. */
export function blockBytes(tile: TileShape, M: number, K: number): number {
  const largest = (total: number, most: number, unit: number) => Math.ceil(Math.min(total, most) / unit) * unit;
  const rows = largest(M, mostRows, tile.rows);
  const columns = mostPanels * tile.columns;
  const steps = largest(Math.ceil(K / tile.elementsPerWord), tile.mostSteps, unrolled);
  // Two more panels, because the last two tiles of a block share their rows.
  const panels = Math.ceil(rows / tile.rows) + 1;
  return (panels * tile.packedRows + columns) * steps * 4 + slackBytes;
}

/** Bytes of weights (K,N) in panels. */
export function panelBytes(tile: TileShape, N: number, K: number): number {
  return Math.ceil(N / tile.columns) * tile.columns * Math.ceil(K / tile.elementsPerWord) * 4;
}
