/** From the text of a caption to its words. */

export type Tokeniser = (caption: string) => string[];

/** Letters a to z, digits and apostrophes, in lower case; anything else parts words. */
export const latinWords: Tokeniser = (caption) => caption.toLowerCase().match(/[a-z0-9']+/g) ?? [];

/**
 * In lower case, without marks of punctuation and symbols, parted at blanks, as in NeuralTalk: "A tri-colored dog." is
 * "a", "tricolored", "dog". Any script has words by it.
 */
export const plainWords: Tokeniser = (caption) =>
  caption
    .toLowerCase()
    .replace(/[\p{P}\p{S}]/gu, '')
    .split(/\s+/)
    .filter((word) => word !== '');
