/** A word drawn by the probabilities that its scores stand for. */

let exponentials = new Float64Array(0);

/** The word at which the probabilities, summed in their order, exceed `uniform`. */
export function drawnFrom(scores: ArrayLike<number>, uniform: number): number {
  const { length } = scores;
  let largest = Number.NEGATIVE_INFINITY;
  for (let word = 0; word < length; word++) {
    if (scores[word]! > largest) largest = scores[word]!;
  }
  if (exponentials.length < length) exponentials = new Float64Array(length);
  let sum = 0;
  for (let word = 0; word < length; word++) {
    exponentials[word] = Math.exp(scores[word]! - largest);
    sum += exponentials[word]!;
  }
  let below = 0;
  let drawn = 0;
  for (let word = 0; word < length; word++) {
    const share = exponentials[word]! / sum;
    if (share > 0) drawn = word;
    below += share;
    if (below > uniform) break;
  }
  return drawn;
}
