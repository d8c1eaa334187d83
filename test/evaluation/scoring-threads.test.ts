import fc from 'fast-check';
import { expect, it } from 'vitest';
import { generator, uniformInts } from '../../src/data/random.js';
import { documentFrequencies, InverseDocumentFrequencies } from '../../src/evaluation/document-frequencies.js';
import { none, orders } from '../../src/evaluation/ngrams.js';
import { type GivenCaptions, numberedCaptions } from '../../src/evaluation/numbered-captions.js';
import { captionStatistics } from '../../src/evaluation/score-captions.js';
import { ScoringThreads } from '../../src/evaluation/scoring-threads.js';

const words = ['a', 'dog', 'cat', "isn't", 'on', 'the', 'Grass.', 'runs', 'green'];
const random = generator(3, 'captions');
const caption = () => Array.from(uniformInts(random, words.length, 9), (word) => words[word]!).join(' ');
const captionsOf = (images: number) => Array.from({ length: images }, () => [caption(), caption()]);

async function statisticsOn(count: number, given: GivenCaptions): Promise<Float64Array> {
  const threads = new ScoringThreads(count);
  try {
    return await captionStatistics(await numberedCaptions(given, 'ptb', threads), threads);
  } finally {
    await threads.close();
  }
}

it('Scores are the same to the bit on three threads as on one, also by frequencies in other documents', async () => {
  const given = { candidates: Array.from({ length: 50 }, caption), references: captionsOf(50), training: [] };
  for (const documents of [[], captionsOf(30)]) {
    const alone = await statisticsOn(1, { ...given, documents });
    expect(await statisticsOn(3, { ...given, documents })).toEqual(alone);
    expect(alone.some((value) => value !== 0)).toBe(true);
  }
});

const texts = fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 }), { minLength: 1, maxLength: 3 });

it('An n-gram weighs by the images that hold it, however many of their captions do', () => {
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1, maxLength: 6 }), (images) => {
      const captions = images.flat();
      const firstWord = [0];
      for (const each of captions) firstWord.push(firstWord.at(-1)! + each.length);
      const firstCaption = [0];
      for (const each of images) firstCaption.push(firstCaption.at(-1)! + each.length);
      const table = { words: Int32Array.from(captions.flat()), firstWord: Int32Array.from(firstWord) };
      const found = new InverseDocumentFrequencies(documentFrequencies(table, firstCaption, 4));
      for (const each of captions) {
        for (let from = 0; from < each.length; from++) {
          let ngram = none;
          for (let order = 1; order <= orders && from + order <= each.length; order++) {
            ngram = found.find(order, ngram, each[from + order - 1]!);
            const text = each.slice(from, from + order).join(' ');
            const holds = (other: number[]) => ` ${other.join(' ')} `.includes(` ${text} `);
            const frequency = images.filter((others) => others.some(holds)).length;
            expect(found.of(order, ngram)).toBe(Math.log(images.length) - Math.log(frequency));
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});
