/** The scores of 1,000 captions equal those of the reference scorer. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type CaptionScores, type Scores, scoreCaptions, scoreNames } from '../../src/evaluation/score-captions.js';
import { describeWith, sharedFile } from '../support/requirements.js';

const file = 'golden/metrics-flickr8k.json';

interface Golden {
  tokenised_refs: Record<string, string[]>;
  tokenised_hyp: Record<string, string>;
  scores: Scores;
  per_image: Record<string, Partial<Scores>>;
}

describeWith({ shared: file }, 'the golden captions', () => {
  const score = (golden: Golden): Promise<CaptionScores> =>
    scoreCaptions(
      {
        source: 'golden',
        captions: Object.entries(golden.tokenised_hyp).map(([image, caption]) => ({ image, caption })),
      },
      {
        source: 'golden',
        images: Object.entries(golden.tokenised_refs).map(([image, captions]) => ({ image, file: null, captions })),
      },
      { resamples: 0 },
    );

  it('get the scores of the reference scorer to 1e-9, as a set and one by one', async () => {
    const golden: Golden = JSON.parse(readFileSync(sharedFile(file), 'utf8'));
    const { scores, perImage, alreadyTokenised, references } = await score(golden);
    expect({ alreadyTokenised, references }).toEqual({ alreadyTokenised: true, references: 4000 });
    for (const name of scoreNames) expect(Math.abs(scores[name] - golden.scores[name])).toBeLessThan(1e-9);
    expect(perImage).toHaveLength(1000);
    for (const { image, scores: own } of perImage) {
      for (const [name, value] of Object.entries(golden.per_image[image]!)) {
        expect(Math.abs(own[name as keyof Scores] - value)).toBeLessThan(1e-9);
      }
    }
  });
});
