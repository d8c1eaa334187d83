/** From the text of captions to the tokens that are compared. */
import { latinWords, type Tokeniser } from '../data/word-tokens.js';
import { ptbTokeniser } from './ptb.js';

export type { Tokeniser };

/** `ptb`: as coco-caption does; `words`: letters a to z, digits and apostrophes, in lower case. */
export type CaptionTokens = 'ptb' | 'words';

export const captionTokens: readonly CaptionTokens[] = ['ptb', 'words'];

const tokenisers: Readonly<Record<CaptionTokens, () => Tokeniser>> = {
  ptb: ptbTokeniser,
  words: () => latinWords,
};

export function tokeniser(tokens: CaptionTokens): Tokeniser {
  return tokenisers[tokens]();
}

/** Captions that are tokens already, one space apart. */
export function splitAtSpaces(caption: string): string[] {
  return caption.split(/\s+/).filter((token) => token !== '');
}

/** What tokens in lower case without punctuation never hold: a capital, a mark, a lone dash, "dog's" or "can't" in one. */
const untokenised = /[\p{Lu}.,;:!?"“”‘’()[\]{}…–—`]|(?:^|\s)--?(?=\s|$)|\S'(?:s|d|m|re|ve|ll)?(?=\s|$)|\Sn't(?=\s|$)/u;

/**
 * Whether these captions have been through a tokeniser that drops punctuation: not one of them holds what it would have
 * changed. To tokenise them again could only take apart what another tokeniser had left whole.
 */
export function isTokenised(captions: readonly string[]): boolean {
  return !captions.some((caption) => untokenised.test(caption));
}
