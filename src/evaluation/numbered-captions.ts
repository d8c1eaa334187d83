/** All captions that scores are made of, tokenised by threads and numbered one behind the other. */
import type { ScoringThreads } from './scoring-threads.js';
import { type CaptionTokens, isTokenised } from './tokenise.js';
import { joinTokenised } from './tokenise-captions.js';
import type { WordIdCaptions } from './word-ids.js';

export interface GivenCaptions {
  /** One an image. */
  readonly candidates: readonly string[];
  /** Of each image. */
  readonly references: readonly (readonly string[])[];
  /** Of each image whose captions document frequencies are counted from; none where those are the references. */
  readonly documents: readonly (readonly string[])[];
  readonly training: readonly string[];
}

/** The candidates are the first captions. */
export interface NumberedCaptions {
  readonly captions: WordIdCaptions;
  /** Words with ids. */
  readonly vocabularySize: number;
  /** (images + 1) the first reference of each image. */
  readonly firstReference: Int32Array;
  /** (images + 1) the first caption of each image whose captions document frequencies are counted from. */
  readonly firstDocument: Int32Array;
  readonly firstTraining: number;
  /** Whether all but those of the training set were tokens already, and were taken as they are. */
  readonly alreadyTokenised: boolean;
}

/** @param tokens how captions become tokens, where they are not tokens already */
export async function numberedCaptions(
  given: GivenCaptions,
  tokens: CaptionTokens,
  threads: ScoringThreads,
): Promise<NumberedCaptions> {
  const areTokens = (texts: readonly string[]) => tokens === 'ptb' && isTokenised(texts);
  const tokenised = (texts: readonly string[], already: boolean) =>
    threads.run('tokeniseCaptions', texts.length, (from, to) => ({
      texts: texts.slice(from, to),
      tokens: already ? null : tokens,
    }));
  const compared = comparedTexts(given);
  const alreadyTokenised = areTokens(compared);
  const parts = await Promise.all([
    tokenised(compared, alreadyTokenised),
    // The training set may be from another place.
    tokenised(given.training, areTokens(given.training)),
  ]);
  const { vocabularySize, ...captions } = joinTokenised(parts.flat());
  const firstReference = firstOfEach(given.references, given.candidates.length);
  const firstDocument = firstOfEach(given.documents, firstReference.at(-1)!);
  const firstTraining = firstDocument.at(-1)!;
  return { captions, vocabularySize, firstReference, firstDocument, firstTraining, alreadyTokenised };
}

function comparedTexts({ candidates, references, documents }: GivenCaptions): string[] {
  const texts = [...candidates];
  for (const images of [references, documents]) for (const captions of images) texts.push(...captions);
  return texts;
}

export function captionCount({ candidates, references, documents, training }: GivenCaptions): number {
  const ofImages = (images: GivenCaptions['references']) => images.reduce((sum, captions) => sum + captions.length, 0);
  return candidates.length + ofImages(references) + ofImages(documents) + training.length;
}

function firstOfEach(images: readonly (readonly string[])[], first: number): Int32Array {
  const firsts = new Int32Array(images.length + 1);
  firsts[0] = first;
  images.forEach((captions, i) => {
    firsts[i + 1] = firsts[i]! + captions.length;
  });
  return firsts;
}
