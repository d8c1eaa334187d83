import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ScoreOptions, type Scores, scoreCaptions } from '../../src/evaluation/score-captions.js';

type Image = readonly [candidate: string, ...references: string[]];

/** Scores of images numbered from 0. */
function score(images: readonly Image[], options: ScoreOptions = {}) {
  return scoreCaptions(
    { source: 'candidates', captions: images.map(([caption], image) => ({ image, caption })) },
    { source: 'references', images: images.map(([, ...captions], image) => ({ image, file: null, captions })) },
    { resamples: 0, ...options },
  );
}

async function scoresOf(...image: Image): Promise<Scores> {
  return (await score([image])).scores;
}

describe('BLEU', () => {
  it('counts a word at most as often as one reference holds it', async () => {
    const { Bleu_1 } = await scoresOf(
      'the the the the the the the',
      'the cat is on the mat',
      'there is a cat on the mat',
    );
    expect(Bleu_1).toBeCloseTo(2 / 7, 8);
  });

  it('is the geometric mean of the precisions up to its order', async () => {
    const { Bleu_1, Bleu_2, Bleu_3 } = await scoresOf('a b c d', 'a b c e');
    expect(Bleu_1).toBeCloseTo(3 / 4, 8);
    expect(Bleu_2).toBeCloseTo(Math.sqrt((3 / 4) * (2 / 3)), 8);
    expect(Bleu_3).toBeCloseTo(Math.cbrt((3 / 4) * (2 / 3) * (1 / 2)), 8);
  });

  it('takes off for captions shorter than the closest reference, the shorter of two', async () => {
    expect((await scoresOf('a b', 'a b c d')).Bleu_1).toBeCloseTo(Math.exp(1 - 4 / 2), 8);
    expect((await scoresOf('a b c', 'a b c d', 'a b')).Bleu_1).toBeCloseTo(1, 8);
  });

  it('of a set is made of the sums, not of the means', async () => {
    const { scores } = await score([
      ['a b c', 'a b c'],
      ['a', 'b'],
    ]);
    expect(scores.Bleu_1).toBeCloseTo(3 / 4, 8);
  });
});

describe('ROUGE_L', () => {
  it('joins precision and recall of the longest common subsequence, recall counting 1.2 times as much', async () => {
    const [precision, recall] = [2 / 4, 2 / 3];
    const { ROUGE_L } = await scoresOf('a b c d', 'a x c');
    expect(ROUGE_L).toBeCloseTo((2.44 * precision * recall) / (recall + 1.44 * precision), 12);
  });

  it('takes precision and recall each from the reference where it is largest', async () => {
    const { ROUGE_L } = await scoresOf('a b', 'a b c d', 'a');
    expect(ROUGE_L).toBeCloseTo(1, 12);
  });
});

describe('CIDEr', () => {
  const cider = async (images: readonly Image[], options?: ScoreOptions) =>
    (await score(images, options)).perImage.map(({ scores }) => scores.CIDEr);

  it('weighs n-grams by the images whose references hold them', async () => {
    // "a" is in both images and weighs nothing; "b" and "a b" are the one word and the one pair that count.
    const [own, other] = await cider([
      ['a b', 'a b'],
      ['a b', 'a c'],
    ]);
    expect(own).toBeCloseTo((10 * (1 + 1)) / 4, 12);
    expect(other).toBe(0);
  });

  it("clips counts to the reference's", async () => {
    const [repeated] = await cider([
      ['b b', 'b d'],
      ['x', 'x'],
    ]);
    expect(repeated).toBeCloseTo((10 / 4) * (1 / (2 * Math.SQRT2)), 12);
  });

  it('takes off for another length than that of the reference, with sigma 6', async () => {
    const [short] = await cider([
      ['b c', 'b c d e'],
      ['x', 'x'],
    ]);
    const cosines = Math.sqrt(2 / 4) + Math.sqrt(1 / 3);
    expect(short).toBeCloseTo((10 / 4) * cosines * Math.exp(-(2 ** 2) / (2 * 6 ** 2)), 12);
  });

  it('takes document frequencies from other captions where they are given', async () => {
    const idf = {
      source: 'idf',
      images: ['a', 'b', 'b', 'c'].map((caption, image) => ({ image, file: null, captions: [caption] })),
    };
    // a weighs log 4, b log 2; of the pair "a b" no document knows, it weighs log 4 as well.
    const [value] = await cider([['a b', 'a']], { idf });
    const cosine = Math.log(4) / Math.hypot(Math.log(4), Math.log(2));
    expect(value).toBeCloseTo((10 / 4) * cosine * Math.exp(-1 / 72), 12);
  });
});

describe('scores of captions', () => {
  const words = fc.array(fc.constantFrom('a', 'dog', 'red', 'runs', 'über', '犬'), { minLength: 4, maxLength: 12 });
  const caption = words.map((tokens) => tokens.join(' '));
  const image = fc.tuple(fc.oneof(caption, fc.constant('')), caption, caption);

  it('are full for captions equal to their only reference', async () => {
    await fc.assert(
      fc.asyncProperty(caption, async (text) => {
        const { perImage } = await score([
          [text, text],
          ['else', 'something'],
        ]);
        const { scores } = perImage[0]!;
        for (const name of ['Bleu_1', 'Bleu_4', 'ROUGE_L'] as const) expect(scores[name]).toBeCloseTo(1, 8);
        expect(scores.CIDEr).toBeCloseTo(10, 8);
      }),
      { seed: 1 },
    );
  });

  it('are the same to the bit for any order of images and references', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(image, { minLength: 1, maxLength: 8 }), async (images) => {
        const candidates = images.map(([text], id) => ({ image: id, caption: text }));
        const references = images.map(([, ...captions], id) => ({ image: id, file: null, captions }));
        const options = { resamples: 20 };
        const [one, other] = await Promise.all([
          scoreCaptions({ source: 'c', captions: candidates }, { source: 'r', images: references }, options),
          scoreCaptions(
            { source: 'c', captions: candidates.toReversed() },
            { source: 'r', images: references.toReversed() },
            options,
          ),
        ]);
        expect(other).toEqual(one);
      }),
      { seed: 2, numRuns: 30 },
    );
  });

  it('are 0 and finite for empty captions', async () => {
    const { scores, intervals, meanLength } = await score(
      [
        ['', 'a dog'],
        ['.', 'a cat'],
      ],
      { resamples: 10 },
    );
    expect(meanLength).toBe(0);
    expect(Object.values(scores)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(intervals!.CIDEr).toEqual([0, 0]);
  });

  it('lie between 0 and 1, CIDEr between 0 and 10', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(image, { minLength: 1, maxLength: 5 }), async (images) => {
        const { perImage } = await score(images);
        for (const { scores } of perImage) {
          for (const [name, value] of Object.entries(scores)) {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual((name === 'CIDEr' ? 10 : 1) + 1e-9);
          }
        }
      }),
      { seed: 3 },
    );
  });

  it('lie within their intervals, which are the same for the same seed and narrower for more images', async () => {
    const images = Array.from(
      { length: 400 },
      (_, i): Image => [i % 3 ? 'a dog runs' : 'a cat', 'a dog runs', 'a red dog'],
    );
    const [few, many] = await Promise.all([
      score(images.slice(0, 40), { resamples: 200 }),
      score(images, { resamples: 200 }),
    ]);
    const width = ({ intervals }: typeof few) => intervals!.Bleu_2[1] - intervals!.Bleu_2[0];
    expect(width(many)).toBeLessThan(width(few) / 2);
    expect(many.intervals!.Bleu_2[0]).toBeLessThan(many.scores.Bleu_2);
    expect(many.intervals!.Bleu_2[1]).toBeGreaterThan(many.scores.Bleu_2);
    expect((await score(images, { resamples: 200 })).intervals).toEqual(many.intervals);
    expect((await score(images, { resamples: 200, seed: 1 })).intervals).not.toEqual(many.intervals);
  });

  it('come with the number of different captions, their length and the share copied from training', async () => {
    const images: Image[] = [
      ['A dog.', 'a dog'],
      ['a dog', 'a dog'],
      ['a red cat runs', 'a cat'],
    ];
    const { distinct, meanLength, copied } = await score(images, { training: ['A dog', 'two dogs'] });
    expect({ distinct, meanLength, copied }).toEqual({ distinct: 2, meanLength: 8 / 3, copied: 2 / 3 });
    expect((await score(images)).copied).toBeNull();
  });

  it('are copied also where the training captions alone are as people wrote them, or alone are tokens', async () => {
    const tokenised: Image[] = [
      ['a dog runs', 'a dog'],
      ['two cats', 'a cat'],
    ];
    const raw = tokenised.map(([candidate, ...references]): Image => [`${candidate}.`, ...references]);
    for (const [images, training] of [
      [tokenised, ['A dog runs.', 'Two cats!']],
      [tokenised, ['a dog runs', 'two cats']],
      [raw, ['a dog runs', 'two cats']],
    ] as const) {
      expect((await score(images, { training })).copied).toBe(1);
    }
  });
});
