/** Greedy decoding: from `<START>`, always the likeliest next word, until `<END>` or the longest length. */
import type { Executable, Matrix } from '../engine/engine.js';
import { decodingPlan } from './step-plan.js';

export interface DecodingTokens {
  readonly start: number;
  readonly end: number;
}

/**
 * Captions n images. Mirrors CaptioningRNN.sample of CS231n assignment 3.
 *
 * @param features (n,D)
 * @param longest most words of a caption
 * @returns one row of word ids an image, `<START>` left out, ending in `<END>` unless cut at `longest`
 */
export async function greedyCaptions(
  programs: { readonly captionStart: Executable; readonly captionStep: Executable },
  features: Matrix,
  longest: number,
  tokens: DecodingTokens,
  shard: number,
): Promise<number[][]> {
  const { rows } = features;
  const words = new Int32Array(rows).fill(tokens.start);
  const captions: number[][] = Array.from({ length: rows }, () => []);
  let { tensors: state } = await programs.captionStart.run({ shard, plan: decodingPlan(words), tensors: { features } });
  for (let t = 0; t < longest; t++) {
    const { tensors } = await programs.captionStep.run({ shard, plan: decodingPlan(words), tensors: state });
    const next = tensors.words!.data;
    let open = 0;
    for (let r = 0; r < rows; r++) {
      const caption = captions[r]!;
      if (caption.at(-1) === tokens.end) continue;
      words[r] = next[r]!;
      caption.push(words[r]!);
      if (words[r] !== tokens.end) open++;
    }
    if (open === 0) break;
    state = tensors.c ? { h: tensors.h!, c: tensors.c } : { h: tensors.h! };
  }
  return captions;
}
