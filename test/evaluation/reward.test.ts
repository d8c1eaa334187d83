import { describe, expect, it } from 'vitest';
import { captionRewards } from '../../src/evaluation/reward.js';
import { scoreCaptions } from '../../src/evaluation/score-captions.js';

describe('the reward of a caption', () => {
  const references = [
    ['a dog runs on the grass', 'the dog runs'],
    ['a red ball', 'a ball on the grass'],
    ['two men swim'],
  ];
  const samples = ['a dog runs', 'a dog on the green grass', '', 'two two men', 'a ball on the grass'];

  it('is the mix of its CIDEr and BLEU-4, whatever was rewarded before', async () => {
    const tokens = references.map((captions) => captions.map((caption) => caption.split(' ')));
    const reward = captionRewards(tokens, { cider: 0.7, bleu4: 0.3 });
    for (const sample of [...samples, ...samples.toReversed()]) {
      const captions = references.map((_, image) => ({ image, caption: sample }));
      const { perImage } = await scoreCaptions(
        { source: 'samples', captions },
        { source: 'references', images: references.map((each, image) => ({ image, file: null, captions: each })) },
        { resamples: 0 },
      );
      perImage.forEach(({ scores }, image) => {
        expect(reward(image, sample.split(' ').filter(Boolean))).toBe(0.7 * scores.CIDEr + 0.3 * scores.Bleu_4);
      });
    }
  });
});
