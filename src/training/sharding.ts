/** How a minibatch is cut into shards. */

/** Positions of captions_out up to the last that is not `<NULL>`, a caption: how many time steps it is alive. */
export function captionLengths(captions: Int32Array, columns: number, nullId = 0): Int32Array {
  const lengths = new Int32Array(captions.length / columns);
  for (let i = 0; i < lengths.length; i++) {
    let last = columns - 1;
    while (last > 0 && captions[i * columns + last] === nullId) last--;
    lengths[i] = last;
  }
  return lengths;
}

/**
 * Deals the rows of a minibatch to the shards, longest caption first, there and back again, so that all shards have
 * about the same work. Depends on the minibatch and the shard count alone, never on the number of workers.
 *
 * @returns one array of rows a shard; sizes differ by at most one, and a shard may be empty
 */
export function shardRows(rows: Int32Array, lengths: Int32Array, shards: number): number[][] {
  const byLength = [...rows.keys()].sort((a, b) => lengths[rows[b]!]! - lengths[rows[a]!]! || a - b);
  const dealt: number[][] = Array.from({ length: shards }, () => []);
  byLength.forEach((index, i) => {
    const round = Math.floor(i / shards);
    const place = i % shards;
    dealt[round % 2 === 0 ? place : shards - 1 - place]!.push(rows[index]!);
  });
  return dealt;
}

/** Cuts [0, length) into ranges of whole cache lines, as equal as that allows. */
export function elementRanges(length: number, parts: number): { from: number; to: number }[] {
  const line = 16;
  const lines = Math.ceil(length / line);
  return Array.from({ length: parts }, (_, i) => ({
    from: Math.floor((lines * i) / parts) * line,
    to: Math.min(length, Math.floor((lines * (i + 1)) / parts) * line),
  }));
}
