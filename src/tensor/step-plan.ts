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
  /** (M) what the loss of each packed row is multiplied with; null where all are 1. */
  readonly weights: Float32Array | null;
}

/** Captions as a shard is given them. */
export interface Tokens {
  /** n */
  readonly rows: number;
  /** T */
  readonly steps: number;
  /** (n, T) captions_in: the word that each time step reads. */
  readonly inputs: Int32Array;
  /** (n, T) captions_out: the word that each time step should predict; the null id carries no loss. */
  readonly targets: Int32Array;
  /** (n) weight of each caption in the loss; null where all are 1. */
  readonly weights: Float32Array | null;
}

/**
 * Plans a shard whose captions end where only null targets follow.
 *
 * @param nullId the id that carries no loss
 */
export function packedPlan({ rows, steps: T, inputs: words, targets: next, weights }: Tokens, nullId = 0): StepPlan {
  const length = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    let last = T;
    while (last > 0 && next[i * T + last - 1] === nullId) last--;
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
  const rowWeights = weights && new Float32Array(tokens);
  const seen = new Map<number, number>();
  for (let t = 0; t < steps; t++) {
    for (let r = 0; r < live[t]!; r++) {
      const row = order[r]!;
      const packed = offset[t]! + r;
      const word = words[row * T + t]!;
      let input = seen.get(word);
      if (input === undefined) {
        input = seen.size;
        seen.set(word, input);
      }
      const target = next[row * T + t]!;
      inputOf[packed] = input;
      targets[packed] = target === nullId ? -1 : target;
      if (rowWeights) rowWeights[packed] = weights[row]!;
    }
  }
  const distinct = Int32Array.from(seen.keys());
  return {
    rows,
    steps,
    order,
    live,
    offset,
    tokens,
    inputs: distinct.length,
    words: distinct,
    inputOf,
    targets,
    weights: rowWeights,
  };
}

/**
 * The same captions with nothing skipped: every row is alive at all T steps and every packed row reads an input row of
 * its own. Its shape depends on `plannedRows` and T alone, which an engine with static shapes needs.
 *
 * @param plannedRows rows of the plan, at least those of the captions; the spare ones are all-NULL
 */
export function paddedPlan(
  { rows, steps: T, inputs, targets: next, weights }: Tokens,
  plannedRows = rows,
  nullId = 0,
): StepPlan {
  const tokens = plannedRows * T;
  const words = new Int32Array(tokens).fill(nullId);
  const targets = new Int32Array(tokens).fill(-1);
  const rowWeights = weights && new Float32Array(tokens);
  for (let t = 0; t < T; t++) {
    for (let r = 0; r < rows; r++) {
      const packed = t * plannedRows + r;
      const target = next[r * T + t]!;
      words[packed] = inputs[r * T + t]!;
      targets[packed] = target === nullId ? -1 : target;
      if (rowWeights) rowWeights[packed] = weights[r]!;
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
    weights: rowWeights,
  };
}

/** (M) 1 where a caption still has a target at or after its packed row; all are 1 in a packed plan. */
export function alivePositions({ steps, live, offset, tokens, targets }: StepPlan): Float32Array {
  const alive = new Float32Array(tokens);
  for (let t = steps - 1; t >= 0; t--) {
    for (let r = 0; r < live[t]!; r++) {
      const later = t + 1 < steps && r < live[t + 1]! && alive[offset[t + 1]! + r] === 1;
      alive[offset[t]! + r] = later || targets[offset[t]! + r]! >= 0 ? 1 : 0;
    }
  }
  return alive;
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
    weights: null,
  };
}
