/**
 * The step plan of a shard: which rows are alive at each time step and which distinct words occur.
 *
 * Captions are mostly shorter than their padded length. With rows ordered by length, longest first, time step t needs
 * only the first `live[t]` rows (the idea of packed sequences). A *packed* tensor of M rows holds the live rows of time
 * step 0, then those of step 1, and so on; row r of time step t lies at `offset[t] + r`.
 *
 * Only rows that cannot touch the loss are left out, so the plan changes no result.
 */
export interface StepPlan {
  /** n: captions in the shard, including all-NULL ones. */
  readonly rows: number;
  /** Time steps in which some row is alive; T in a padded plan. */
  readonly steps: number;
  /** (n) plan row r holds caption `order[r]` of the shard; -1 where a padded plan has a row to spare. */
  readonly order: Int32Array;
  /** (steps) rows alive at each time step, never increasing. */
  readonly live: Int32Array;
  /** (steps + 1) first packed row of each time step; the last entry is M. */
  readonly offset: Int32Array;
  /** M: packed rows. */
  readonly tokens: number;
  /** U: input rows, one a distinct word in a packed plan, one a packed row in a padded plan. */
  readonly inputs: number;
  /** (U) word id of each input row. */
  readonly words: Int32Array;
  /** (M) input row that each packed row reads. */
  readonly inputOf: Int32Array;
  /** (M) word id that each packed row should predict, -1 where captions_out is `<NULL>` and carries no loss. */
  readonly targets: Int32Array;
}

/**
 * Plans a shard of n captions given as rows of T+1 token ids: captions_in is all but the last column, captions_out all
 * but the first.
 *
 * @param captions (n, T+1) row-major
 * @param nullId the id that carries no loss
 */
export function packedPlan(captions: Int32Array, rows: number, columns: number, nullId = 0): StepPlan {
  const T = columns - 1;
  const length = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    let last = T;
    while (last > 0 && captions[i * columns + last] === nullId) last--;
    length[i] = last;
  }
  const order = Int32Array.from({ length: rows }, (_, i) => i).sort((a, b) => length[b]! - length[a]! || a - b);
  const steps = rows > 0 ? length[order[0]!]! : 0;
  const live = new Int32Array(steps);
  const offset = new Int32Array(steps + 1);
  for (let t = 0, alive = rows; t < steps; t++) {
    while (alive > 0 && length[order[alive - 1]!]! <= t) alive--;
    live[t] = alive;
    offset[t + 1] = offset[t]! + alive;
  }
  const tokens = offset[steps]!;
  const inputOf = new Int32Array(tokens);
  const targets = new Int32Array(tokens);
  const seen = new Map<number, number>();
  for (let t = 0; t < steps; t++) {
    for (let r = 0; r < live[t]!; r++) {
      const at = order[r]! * columns + t;
      const word = captions[at]!;
      let input = seen.get(word);
      if (input === undefined) {
        input = seen.size;
        seen.set(word, input);
      }
      const target = captions[at + 1]!;
      inputOf[offset[t]! + r] = input;
      targets[offset[t]! + r] = target === nullId ? -1 : target;
    }
  }
  const words = Int32Array.from(seen.keys());
  return { rows, steps, order, live, offset, tokens, inputs: words.length, words, inputOf, targets };
}

/**
 * The same captions with nothing skipped: every row is alive at all T steps and every packed row reads an input row of
 * its own. Its shape depends on `plannedRows` and T alone, which an engine with static shapes needs.
 *
 * @param plannedRows rows of the plan, at least `rows`; the spare ones are all-NULL
 */
export function paddedPlan(
  captions: Int32Array,
  rows: number,
  columns: number,
  plannedRows = rows,
  nullId = 0,
): StepPlan {
  const T = columns - 1;
  const tokens = plannedRows * T;
  const words = new Int32Array(tokens).fill(nullId);
  const targets = new Int32Array(tokens).fill(-1);
  for (let t = 0; t < T; t++) {
    for (let r = 0; r < rows; r++) {
      const target = captions[r * columns + t + 1]!;
      words[t * plannedRows + r] = captions[r * columns + t]!;
      targets[t * plannedRows + r] = target === nullId ? -1 : target;
    }
  }
  return {
    rows: plannedRows,
    steps: T,
    order: Int32Array.from({ length: plannedRows }, (_, r) => (r < rows ? r : -1)),
    live: new Int32Array(T).fill(plannedRows),
    offset: Int32Array.from({ length: T + 1 }, (_, t) => t * plannedRows),
    tokens,
    inputs: tokens,
    words,
    inputOf: Int32Array.from({ length: tokens }, (_, i) => i),
    targets,
  };
}

/** One time step on given words, without targets: what decoding a caption needs at each step. */
export function decodingPlan(words: Int32Array): StepPlan {
  const rows = words.length;
  return {
    rows,
    steps: 1,
    order: Int32Array.from({ length: rows }, (_, i) => i),
    live: Int32Array.of(rows),
    offset: Int32Array.of(0, rows),
    tokens: rows,
    inputs: rows,
    words,
    inputOf: Int32Array.from({ length: rows }, (_, i) => i),
    targets: new Int32Array(rows).fill(-1),
  };
}
