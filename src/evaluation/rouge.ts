/** ROUGE_L (Lin 2004) as coco-caption computes it. */

/** How much more recall counts than precision. */
const beta = 1.2;

/**
 * @param candidate word ids
 * @param references word ids of each reference, at least one
 */
export function rougeL(candidate: Int32Array, references: readonly Int32Array[]): number {
  let precision = 0;
  let recall = 0;
  for (const reference of references) {
    const common = longestCommonSubsequence(candidate, reference);
    // To coco-caption a caption without words is one empty word.
    precision = Math.max(precision, common / (candidate.length || 1));
    recall = Math.max(recall, common / (reference.length || 1));
  }
  if (precision === 0 || recall === 0) return 0;
  return ((1 + beta ** 2) * precision * recall) / (recall + beta ** 2 * precision);
}

let row = new Int32Array(64);

/** Length of the longest sequence of words that both hold in this order, with gaps. */
function longestCommonSubsequence(a: Int32Array, b: Int32Array): number {
  if (a.length === 0 && b.length === 0) return 1;
  if (row.length <= b.length) row = new Int32Array(2 * b.length);
  row.fill(0, 0, b.length + 1);
  for (const word of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      row[j] = b[j - 1] === word ? diagonal + 1 : Math.max(above, row[j - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
