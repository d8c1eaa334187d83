/** Captions of a batch of images by whatever search is asked for. */
import { beamSearch } from './beam.js';
import { Decoder, type Member, type RowLimits } from './decoder.js';
import type { CaptionEnds, DecodedCaption, Decoding } from './decoding.js';
import { oneAtATime } from './one-at-a-time.js';
import { sampleDraws, sampledWord } from './sampling.js';
import { likeliest } from './word-rules.js';

/**
 * Mirrors CaptioningRNN.sample of CS231n assignment 3 for `greedy`.
 *
 * @param members one model, or several whose probabilities are averaged
 * @param images what random numbers are addressed by, one an image; the members' inputs begin with their rows
 * @returns the captions of each image, as many as `decoding` asks for or there are
 */
export async function generateCaptions(
  members: readonly Member[],
  images: readonly number[],
  decoding: Decoding,
  ends: CaptionEnds,
  limits: RowLimits,
): Promise<DecodedCaption[][]> {
  const { search, captions, attention } = decoding;
  const decoder = await Decoder.start(members, images.length, limits, attention);
  switch (search.kind) {
    case 'greedy':
      return oneAtATime(decoder, images.length, captions, decoding, ends, likeliest);
    case 'beam':
      return beamSearch(decoder, images.length, captions, search, decoding, ends);
    case 'sampling': {
      const drawOf = sampleDraws(search);
      return oneAtATime(decoder, images.length, captions, decoding, ends, (scores, image, sample, position) =>
        sampledWord(scores, drawOf(images[image]!, sample, position), search),
      );
    }
  }
}
