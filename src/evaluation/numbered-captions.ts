/** All captions that scores are made of, tokenised by threads and numbered one behind the other. */
import type { ScoringThreads } from './scoring-threads.js';
import type { CaptionTokens } from './tokenise.js';
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
}

/** How captions become tokens, null where they are tokens already. */
export interface GivenTokens {
  /** Of all but those of the training set, which may be from another place. */
  readonly compared: CaptionTokens | null;
  readonly training: CaptionTokens | null;
}

export async function numberedCaptions(
  given: GivenCaptions,
  tokens: GivenTokens,
  threads: ScoringThreads,
): Promise<NumberedCaptions> {
  const tokenised = (texts: readonly string[], by: CaptionTokens | null) =>
    threads.run('tokeniseCaptions', texts.length, (from, to) => ({ texts: texts.slice(from, to), tokens: by }));
  const parts = await Promise.all([
    tokenised(comparedTexts(given), tokens.compared),
    tokenised(given.training, tokens.training),
  ]);
  const { vocabularySize, ...captions } = joinTokenised(parts.flat());
  const firstReference = firstOfEach(given.references, given.candidates.length);
  const firstDocument = firstOfEach(given.documents, firstReference.at(-1)!);
  return { captions, vocabularySize, firstReference, firstDocument, firstTraining: firstDocument.at(-1)! };
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
