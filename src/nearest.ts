/** What somebody who misspelt a name may have meant. */
import { closest, distance } from 'fastest-levenshtein';

/** The candidate nearest in spelling, if near enough to be what was meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  const spelling = new Map([...candidates].map((candidate) => [candidate.toLowerCase(), candidate]));
  if (lower.length > 64 || spelling.size === 0) return undefined;
  const best = closest(lower, [...spelling.keys()]);
  return distance(lower, best) <= Math.ceil(lower.length / 3) ? spelling.get(best) : undefined;
}
