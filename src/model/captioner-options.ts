/** What a captioner is beside its cell, and which combinations make none. */
import { UserError } from '../errors.js';
import type { Cell } from './cells/cell.js';
import type { FamilyOptions } from './family.js';

export interface CaptionerOptions {
  /** W: columns of a word vector. */
  readonly wordDim: number;
  /** H: columns of the hidden state. */
  readonly hiddenDim: number;
  /** Recurrent layers. */
  readonly layers: number;
  /** Whether each layer from the second on adds what it reads to what it puts out. */
  readonly residual: boolean;
  /** What the biases of the forget gates begin with (Gers et al. 2000, Jozefowicz et al. 2015). */
  readonly forgetBias: number;
  /** Whether the word vectors score the next word too, in place of W_vocab (Press and Wolf 2017). */
  readonly tieEmbeddings: boolean;
  /** The file of word vectors that W_embed begins with; null: it is drawn. */
  readonly wordVectors: string | null;
  /** Whether those are trained on; frozen otherwise. */
  readonly wordVectorsTrained: boolean;
  /**
   * Where the projected image enters: as the first hidden state, at every time step beside the word, or as the word before
   * the first one (Vinyals et al. 2015).
   */
  readonly imageTo: ImageTo;
  /** Whether the lowest layer looks at a grid of the image before each word (Xu et al. 2015). */
  readonly attention: AttentionName;
  /** A: columns of the projected grid; null: H. */
  readonly attentionDim: number | null;
  /** Whether what it sees scores the next word too, beside the hidden state. */
  readonly attentionToOutput: boolean;
  /** Factor of the doubly stochastic term in the training loss; 0: none. */
  readonly attentionPenalty: number;
  /** While training, the probability of each element to be zero. */
  readonly dropout: DropoutRates;
  /** While training, the probability with which any word is to be predicted in place of the next one. */
  readonly labelSmoothing: number;
  /** While training, words that are never to be predicted: the loss is of the distribution over the others. */
  readonly excludedWords: readonly number[];
  /** While training, what the scores of words are divided by: the loss is of the distribution sampled at this temperature. */
  readonly temperature: number;
  /** Whether features are shifted and scaled by the statistics of the training images, which the model keeps. */
  readonly standardize: boolean;
}

export interface DropoutRates {
  /** Of the word vectors. */
  readonly words: number;
  /** Of what each layer puts out, to the layer above and to the scores, not to its next time step (Zaremba et al. 2014). */
  readonly hidden: number;
  /** Of the image features. */
  readonly image: number;
  /** Of what attention sees. */
  readonly context: number;
}

export const noDropout: DropoutRates = { words: 0, hidden: 0, image: 0, context: 0 };

export const imagePlaces = ['state', 'everyStep', 'firstWord'] as const;
export type ImageTo = (typeof imagePlaces)[number];

export const attentionNames = ['none', 'additive'] as const;
export type AttentionName = (typeof attentionNames)[number];

/** The course's captioner. */
const defaults = {
  layers: 1,
  residual: false,
  forgetBias: 0,
  tieEmbeddings: false,
  wordVectors: null,
  wordVectorsTrained: true,
  imageTo: 'state',
  attention: 'none',
  attentionDim: null,
  attentionToOutput: true,
  attentionPenalty: 0,
  dropout: noDropout,
  labelSmoothing: 0,
  excludedWords: [],
  temperature: 1,
  standardize: false,
} as const satisfies Partial<CaptionerOptions>;

/** @throws UserError naming the option that makes no sense beside the others */
export function captionerOptions(cell: Cell, given: FamilyOptions): CaptionerOptions {
  const dropout = { ...noDropout, ...(given.dropout as Partial<DropoutRates> | undefined) };
  const options = { ...defaults, ...given, dropout } as unknown as CaptionerOptions;
  const conflict = conflictOf(cell, options);
  if (conflict === null) return options;
  const { path, expected } = conflict;
  const found = path.reduce<unknown>((tree, key) => (tree as Readonly<Record<string, unknown>>)[key], options);
  throw new UserError(`model.${path.join('.')} is ${JSON.stringify(found)}; expected ${expected}.`);
}

/** The options that have to fit each other and the cell. */
type Related = Omit<CaptionerOptions, 'labelSmoothing' | 'excludedWords' | 'temperature' | 'standardize'>;

/** An option that makes no sense beside the others, and what would; null where all do. */
export function conflictOf(
  cell: Pick<Cell, 'name' | 'forgetGate'>,
  options: Related,
): { readonly path: readonly string[]; readonly expected: string } | null {
  const { wordDim, hiddenDim, forgetBias, tieEmbeddings, wordVectors, wordVectorsTrained } = options;
  const { attention, attentionDim, attentionToOutput, attentionPenalty, dropout } = options;
  if (forgetBias !== 0 && cell.forgetGate === undefined) {
    return { path: ['forgetBias'], expected: `0, because the cell ${cell.name} has no forget gate` };
  }
  if (tieEmbeddings && wordDim !== hiddenDim) {
    return {
      path: ['tieEmbeddings'],
      expected: `false, because model.wordDim is ${wordDim} and model.hiddenDim ${hiddenDim}, and one table serves both`,
    };
  }
  if (!wordVectorsTrained && wordVectors === null) {
    return {
      path: ['wordVectorsTrained'],
      expected: 'true, because model.wordVectors names no file of vectors to freeze',
    };
  }
  if (attention === 'none' && attentionDim !== null) {
    return { path: ['attentionDim'], expected: 'null, because model.attention is none' };
  }
  if (attention === 'none' && !attentionToOutput) {
    return { path: ['attentionToOutput'], expected: 'true, because model.attention is none' };
  }
  if (attention === 'none' && attentionPenalty !== 0) {
    return { path: ['attentionPenalty'], expected: '0, because model.attention is none' };
  }
  if (attention === 'none' && dropout.context !== 0) {
    return { path: ['dropout', 'context'], expected: '0, because model.attention is none' };
  }
  return null;
}
