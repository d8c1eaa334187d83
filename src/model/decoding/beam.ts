/**
 * Beam search: of all captions begun, the `width` likeliest are kept. One that has ended keeps its place, and the search
 * of an image is over when all have. A beam as wide as there are captions leaves none out, and one of width 1 is greedy.
 *
 * In groups (diverse beam search, Vijayakumar et al. 2016) each group is a beam of its own that is put off the words
 * which the groups before it have chosen at the same position.
 */
import type { Decoder, NextWords } from './decoder.js';
import type { BeamSearch, CaptionEnds, DecodedCaption, WordRules } from './decoding.js';
import { forbid, likeliestWords } from './word-rules.js';

/** What a word's log probability counts less for each time that a group before has chosen it; the paper's λ. */
const diversity = 0.5;

interface Hypothesis {
  readonly words: readonly number[];
  readonly logProbability: number;
  /** Where the model looked at each word; empty where that is not known. */
  readonly looks: readonly Float32Array[];
}

/** A hypothesis one word longer. */
interface Extension {
  readonly of: Hypothesis;
  /** The row of the step that it comes from. */
  readonly row: number;
  readonly word: number;
  readonly logProbability: number;
  /** Its log probability, less what the other groups put it off by. */
  readonly rank: number;
}

interface Group {
  /** All have the same length, and follow one another in the rows of the next step. */
  live: readonly Hypothesis[];
  readonly ended: Hypothesis[];
}

/** @returns the `captions` best of each image, the best first; fewer where groups have found fewer different ones */
export async function beamSearch(
  decoder: Decoder,
  images: number,
  captions: number,
  { width, groups: groupCount, alpha }: BeamSearch,
  rules: WordRules,
  { start, end, longest }: CaptionEnds,
): Promise<DecodedCaption[][]> {
  const empty: Hypothesis = { words: [], logProbability: 0, looks: [] };
  const beams = Array.from({ length: images }, () =>
    Array.from({ length: groupCount }, (): Group => ({ live: [empty], ended: [] })),
  );
  const liveOf = () => beams.flatMap((groups) => groups.flatMap(({ live }) => live));
  let from = Int32Array.from(beams.flatMap((groups, image) => groups.map(() => image)));
  for (let t = 0; t < longest && from.length > 0; t++) {
    const words = Int32Array.from(liveOf(), (hypothesis) => hypothesis.words.at(-1) ?? start);
    const next = await decoder.read(from, words);
    const parents: number[] = [];
    let row = 0;
    for (const groups of beams) {
      const chosen = new Map<number, number>();
      for (const group of groups) {
        const best = bestExtensions(next, row, group, width / groupCount, chosen, rules, end);
        row += group.live.length;
        const live: Hypothesis[] = [];
        for (const { of, row: parent, word, logProbability } of best) {
          const look = next.attentionOf(parent);
          const looks = look ? [...of.looks, look] : of.looks;
          const longer = { words: [...of.words, word], logProbability, looks };
          chosen.set(word, (chosen.get(word) ?? 0) + 1);
          if (word === end) group.ended.push(longer);
          else {
            live.push(longer);
            parents.push(parent);
          }
        }
        group.live = live;
      }
    }
    from = Int32Array.from(parents);
  }
  return beams.map((groups) => {
    const all = groups.flatMap(({ ended, live }) => [...ended, ...live]);
    const scored = all.map(({ looks, ...caption }) => ({
      ...caption,
      score: scoreOf(caption, alpha),
      ...(looks.length > 0 ? { attention: looks } : {}),
    }));
    return different(scored.sort((a, b) => b.score - a.score)).slice(0, captions);
  });
}

/** Without those that are there already: groups may find the same caption. */
function different<T extends Pick<DecodedCaption, 'words'>>(captions: readonly T[]): T[] {
  const known = new Set<string>();
  return captions.filter(({ words }) => {
    const key = words.join(' ');
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

function scoreOf({ words, logProbability }: Omit<Hypothesis, 'looks'>, alpha: number): number {
  return logProbability / Math.max(1, words.length) ** alpha;
}

/**
 * As many of the likeliest continuations of a group as it has places left. A hypothesis that nothing may follow has ended.
 *
 * @param first the row of the group's first live hypothesis
 * @param chosen how often the groups before have chosen each word at this position
 */
function bestExtensions(
  next: NextWords,
  first: number,
  { live, ended }: Group,
  width: number,
  chosen: ReadonlyMap<number, number>,
  rules: WordRules,
  end: number,
): Extension[] {
  const places = width - ended.length;
  const extensions: Extension[] = [];
  live.forEach((of, i) => {
    const row = first + i;
    const scores = next.scoresOf(row);
    forbid(scores, of.words, rules, end);
    const unchanged = new Map(Array.from(chosen.keys(), (word) => [word, scores[word]!]));
    for (const [word, times] of chosen) scores[word]! -= diversity * times;
    const words = likeliestWords(scores, places);
    if (words.length === 0) ended.push(of);
    for (const word of words) {
      const score = unchanged.get(word) ?? scores[word]!;
      const logProbability = of.logProbability + next.logProbability(row, score);
      const rank = logProbability - diversity * (chosen.get(word) ?? 0);
      extensions.push({ of, row, word, logProbability, rank });
    }
  });
  // Equals stay in the order of hypotheses and likelier words, since the sort is stable.
  return extensions.sort((a, b) => b.rank - a.rank).slice(0, places);
}
