/**
 * Scheduled sampling (Bengio et al. 2015): before a training step the model itself writes some of the words that it is
 * then trained to go on from. The captions are walked through once without gradients; where the coin of a position says
 * so, the word it reads is drawn from what the model expected after the words before it, some of them its own already.
 *
 * Coins and draws are addressed (see tensor/draws.ts) by the position that reads the word.
 */
import type { Executable } from '../engine/engine.js';
import { type Draws, keyOf, thresholdOf, wordsAt } from '../tensor/draws.js';
import type { Matrix, Named } from '../tensor/matrix.js';
import { decodingPlan, type StepPlan, type Tokens } from '../tensor/step-plan.js';
import { drawnFrom } from './drawn-word.js';

const place = 'scheduled sampling';

/** What a walk is made of: a shard's captions, their plan, and what the model is given, rows in the plan's order. */
export interface CaptionsToSample {
  readonly shard: number;
  readonly tokens: Tokens;
  readonly plan: StepPlan;
  readonly inputs: Named<Matrix>;
}

/**
 * @param programs of the model, which is left as it is
 * @param probability of each word but the first to be the model's own
 * @returns (n,T) the words that the time steps read
 */
export async function sampledInputs(
  programs: { readonly start: Executable; readonly step: Executable },
  { shard, tokens, plan, inputs }: CaptionsToSample,
  draws: Draws,
  probability: number,
): Promise<Int32Array> {
  const read = tokens.inputs.slice();
  const chances = chancesOf(plan, draws, probability);
  if (chances.length === 0) return read;
  const T = tokens.steps;
  const wordOf = (row: number, t: number) => (row < 0 ? 0 : read[row * T + t]!);
  const last = chances.at(-1)!.t;
  const rowsAt = (t: number) => plan.live[t]!;
  const start = decodingPlan(new Int32Array(rowsAt(0)));
  let { tensors: state } = await programs.start.run({ shard, plan: start, inputs: firstRowsOf(inputs, rowsAt(0)) });
  let next = 0;
  for (let t = 0; t < last; t++) {
    const words = Int32Array.from({ length: rowsAt(t) }, (_, r) => wordOf(plan.order[r]!, t));
    const given = firstRowsOf(state, rowsAt(t));
    const { tensors } = await programs.step.run({ shard, plan: decodingPlan(words), inputs: given });
    const { scores } = tensors;
    for (; next < chances.length && chances[next]!.t === t + 1; next++) {
      const { r, uniform } = chances[next]!;
      const row = scores!.data.subarray(r * scores!.columns, (r + 1) * scores!.columns);
      read[plan.order[r]! * T + t + 1] = drawnFrom(row, uniform);
    }
    // What a step does not give anew belongs to the image and stays.
    state = Object.fromEntries(Object.entries(given).map(([name, kept]) => [name, tensors[name] ?? kept]));
  }
  return read;
}

interface Chance {
  readonly t: number;
  /** Row of the plan. */
  readonly r: number;
  /** In [0, 1). */
  readonly uniform: number;
}

/** The positions whose coin says that the word is the model's own, in the order of the time steps. */
function chancesOf(plan: StepPlan, draws: Draws, probability: number): Chance[] {
  const key = keyOf(draws, place);
  const threshold = thresholdOf(probability);
  const chances: Chance[] = [];
  for (let t = 1; t < plan.steps; t++) {
    for (let r = 0; r < plan.live[t]!; r++) {
      if (plan.order[r]! < 0) continue;
      const [coin, uniform] = wordsAt(key, draws.step, draws.rows[r]!, t, 0);
      if (coin < threshold) chances.push({ t, r, uniform: uniform / 2 ** 32 });
    }
  }
  return chances;
}

function firstRowsOf(matrices: Named<Matrix>, rows: number): Named<Matrix> {
  const entries = Object.entries(matrices).map(([name, matrix]) => [
    name,
    { ...matrix, rows, data: matrix.data.subarray(0, rows * matrix.columns) },
  ]);
  return Object.fromEntries(entries);
}
