/** How captions are searched for: what a person may ask for, checked, and what a search is told. */
import { UserError } from '../../errors.js';

/** Lower, scores divided by it could overflow; at it the likeliest word is all but certain. */
const coldest = 1e-6;

/** What may be asked for. The names are those of the commands' options. */
export interface DecodingOptions {
  /** Hypotheses that a beam search keeps of each image. */
  readonly beam?: number | undefined;
  /** A caption's score is its log probability divided by its words, `<END>` among them, to this power; 1 by default. */
  readonly alpha?: number | undefined;
  /** Captions of each image: the best of a beam, or as many samples; 1 by default. */
  readonly nbest?: number | undefined;
  /** Groups into which the beam is divided, each put off the words of those before it; 1 by default. */
  readonly groups?: number | undefined;
  /** Whether no three words in a row may come twice in a caption. */
  readonly noRepeat?: boolean | undefined;
  /** Fewest words of a caption. */
  readonly minLength?: number | undefined;
  /** Samples, from the scores divided by it; from 1e-6 on. */
  readonly temperature?: number | undefined;
  /** Samples, from so many of the likeliest words. */
  readonly topK?: number | undefined;
  /** Samples, from the fewest words whose probabilities sum to it. */
  readonly topP?: number | undefined;
  /** Of the samples; 231 by default. */
  readonly seed?: number | undefined;
  /** Whether captions come with where the model looked at each word; of a program's own, no command has it. */
  readonly attention?: boolean | undefined;
}

export interface BeamSearch {
  readonly kind: 'beam';
  /** Hypotheses of an image, over all groups. */
  readonly width: number;
  readonly groups: number;
  readonly alpha: number;
}

export interface Sampling {
  readonly kind: 'sampling';
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  /** With `step`, the image, the position and the number of the sample, the address of each random number. */
  readonly seed: number;
  readonly step: number;
  /** What the images are counted from, where they are the rows of a part of a longer list; 0 by default. */
  readonly firstImage?: number;
}

export type Search = { readonly kind: 'greedy' } | BeamSearch | Sampling;

/** What may follow what. */
export interface WordRules {
  /** Words that no caption holds. */
  readonly never: readonly number[];
  /** Fewest words before the end. */
  readonly minLength: number;
  readonly noRepeat: boolean;
}

export interface Decoding extends WordRules {
  readonly search: Search;
  /** Captions of each image: the best of a beam, from the best on, or samples as they are numbered. */
  readonly captions: number;
  /** Whether captions come with where the model looked. */
  readonly attention: boolean;
}

/** Where captions begin and end. */
export interface CaptionEnds {
  readonly start: number;
  readonly end: number;
  /** Most words, `end` among them. */
  readonly longest: number;
}

export interface DecodedCaption {
  /** Ids, `<START>` left out, the end last unless the caption was cut. */
  readonly words: readonly number[];
  /** Summed over the words, by the model's own probabilities: neither rules nor temperature change them. */
  readonly logProbability: number;
  /** What the captions of an image are ordered by where they are handed out; of a sample its log probability. */
  readonly score: number;
  /**
   * Where it was asked for: the weights (L) of the grid's vectors when each of `words` was written, which sum to 1; of an
   * ensemble the mean over those of its models that attend.
   */
  readonly attention?: readonly Float32Array[];
}

/** Always the likeliest word, any word. */
export const greedy: Decoding = {
  search: { kind: 'greedy' },
  captions: 1,
  attention: false,
  never: [],
  minLength: 0,
  noRepeat: false,
};

/** Rows of a step that the captions of one image take. */
export function hypothesesOf({ search, captions }: Decoding): number {
  return search.kind === 'beam' ? search.width : captions;
}

/**
 * @param never words that no caption is to hold
 * @throws UserError when a value makes no sense, or two of them do not go together
 */
export function decodingOf(options: DecodingOptions, never: readonly number[]): Decoding {
  const { nbest: captions = 1, minLength = 0, noRepeat = false, attention = false } = options;
  checkWhole('nbest', captions, 1);
  checkWhole('min-length', minLength, 0);
  return { search: searchOf(options, captions), captions, attention, never, minLength, noRepeat };
}

function searchOf(options: DecodingOptions, captions: number): Search {
  const { beam, alpha, groups, temperature, topK, topP, seed } = options;
  const ofBeam = namesOf({ beam, alpha, groups });
  const ofSampling = namesOf({ temperature, 'top-k': topK, 'top-p': topP, seed });
  if (ofBeam.length > 0 && ofSampling.length > 0) {
    throw new UserError(
      `${ofBeam[0]} belongs to beam search and ${ofSampling[0]} to sampling: give one or the other, or neither for ` +
        'the likeliest word at each step.',
    );
  }
  if (ofSampling.length > 0) return samplingOf({ temperature, topK, topP, seed });
  if (beam === undefined) {
    const needing = [...ofBeam, ...(captions > 1 ? ['nbest'] : [])];
    if (needing.length > 0) throw new UserError(`${needing[0]} needs beam: how many hypotheses are kept.`);
    return { kind: 'greedy' };
  }
  return beamOf(beam, groups ?? 1, alpha ?? 1, captions);
}

function beamOf(width: number, groups: number, alpha: number, captions: number): BeamSearch {
  checkWhole('beam', width, 1);
  checkWhole('groups', groups, 1);
  check('alpha', alpha, Number.isFinite(alpha) && alpha >= 0, 'a number from 0 on');
  if (width % groups !== 0) {
    throw new UserError(`groups: ${groups} groups of equal size cannot be made of a beam of ${width}.`);
  }
  if (captions > width) {
    throw new UserError(`nbest: ${captions} captions cannot come from a beam of ${width}. Give a wider beam.`);
  }
  return { kind: 'beam', width, groups, alpha };
}

function samplingOf(options: Pick<DecodingOptions, 'temperature' | 'topK' | 'topP' | 'seed'>): Sampling {
  const { temperature = 1, topK = Number.MAX_SAFE_INTEGER, topP = 1, seed = 231 } = options;
  const isWarm = Number.isFinite(temperature) && temperature >= coldest;
  check('temperature', temperature, isWarm, `a number from ${coldest} on`);
  checkWhole('top-k', topK, 1);
  check('top-p', topP, topP > 0 && topP <= 1, 'a number above 0, at most 1');
  check('seed', seed, Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32, 'a whole number below 2^32');
  return { kind: 'sampling', temperature, topK, topP, seed, step: 0 };
}

function namesOf(options: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(options).filter((name) => options[name] !== undefined);
}

function checkWhole(name: string, value: number, least: number): void {
  check(name, value, Number.isSafeInteger(value) && value >= least, `a whole number from ${least} on`);
}

function check(name: string, value: number, holds: boolean, expected: string): void {
  if (!holds) throw new UserError(`${name}: ${value}, where ${expected} is expected.`);
}
