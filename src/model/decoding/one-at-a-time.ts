/** Captions that are written word by word and never taken back: greedy ones and samples. */
import type { NumberArray } from '../../tensor/matrix.js';
import type { Decoder } from './decoder.js';
import type { CaptionEnds, DecodedCaption, WordRules } from './decoding.js';
import { forbid } from './word-rules.js';

/** The word that follows, null for none. */
export type WordChoice = (scores: NumberArray, image: number, sample: number, position: number) => number | null;

/** @returns `samples` captions an image, in order */
export async function oneAtATime(
  decoder: Decoder,
  images: number,
  samples: number,
  rules: WordRules,
  { start, end, longest }: CaptionEnds,
  choose: WordChoice,
): Promise<DecodedCaption[][]> {
  const written = Array.from({ length: images * samples }, () => ({
    words: [] as number[],
    logProbability: 0,
    looks: [] as Float32Array[],
  }));
  const imageOf = (caption: number) => Math.floor(caption / samples);
  let open = written.map((_, caption) => caption);
  let from = Int32Array.from(open, imageOf);
  for (let t = 0; t < longest && open.length > 0; t++) {
    const words = Int32Array.from(open, (caption) => written[caption]!.words.at(-1) ?? start);
    const next = await decoder.read(from, words);
    const goOn: number[] = [];
    open.forEach((caption, r) => {
      const { words: before, looks } = written[caption]!;
      const scores = next.scoresOf(r);
      forbid(scores, before, rules, end);
      const word = choose(scores, imageOf(caption), caption % samples, t);
      if (word === null) return;
      before.push(word);
      const look = next.attentionOf(r);
      if (look) looks.push(look);
      written[caption]!.logProbability += next.logProbability(r, scores[word]!);
      if (word !== end) goOn.push(r);
    });
    from = Int32Array.from(goOn);
    open = goOn.map((r) => open[r]!);
  }
  const captions = written.map(({ looks, ...caption }) => ({
    ...caption,
    score: caption.logProbability,
    ...(looks.length > 0 ? { attention: looks } : {}),
  }));
  return Array.from({ length: images }, (_, image) => captions.slice(image * samples, (image + 1) * samples));
}
