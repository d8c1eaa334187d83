/**
 * The captioner of CS231n assignment 3 (CaptioningRNN, after Vinyals et al. 2015, "Show and Tell") and what grew from
 * it: an affine map of the image feature is the first hidden state (or enters elsewhere, see image-entry.ts), word vectors
 * drive one or more recurrent layers, and an affine map of each hidden state of the last one scores the next word.
 *
 * Parameters, with D image feature, W word vector, H hidden state, V vocabulary and G gate columns: W_proj (D,H),
 * b_proj (H), W_embed (V,W), Wx (W,G), Wh (H,G), b (G), W_vocab (H,V), b_vocab (V), and for layer k from 2 on Wx‹k›
 * (H,G), Wh‹k›, b‹k›. What attention adds is in layers/attention.ts.
 */
import { GradientSink } from '../tensor/gradient-sink.js';
import type { Named, Shape } from '../tensor/matrix.js';
import type { Dimensions, ModelSpec, ParameterSpec, ProgramOutputs } from '../tensor/model-spec.js';
import type { Ops } from '../tensor/ops.js';
import { type CaptionerOptions, captionerOptions, noDropout } from './captioner-options.js';
import { captionerParameters } from './captioner-parameters.js';
import { builtInCells, type CellName } from './cells/built-in.js';
import type { Cell, State } from './cells/cell.js';
import type { FamilyOptions, ModelFamily } from './family.js';
import {
  attentionToGrid,
  attentionToKept,
  type GridShape,
  gridOf,
  keptColumns,
  keptOfGrid,
  withCoverage,
} from './grid-attention.js';
import { imageEntry, stateNames } from './image-entry.js';
import { sequenceDropout } from './layers/dropout.js';
import { wordEmbedding } from './layers/embedding.js';
import type { LayerInput } from './layers/recurrent.js';
import { recurrentStack } from './layers/stack.js';
import { wordScores } from './word-scores.js';

export const family: ModelFamily = {
  name: 'captioner',
  url: import.meta.url,
  spec: (options, dimensions) => captioner(builtInCells[options.cell as CellName], options, dimensions),
};

/** A family of captioners with a cell of one's own. */
export function captionerFamily(name: string, url: string, cell: Cell): ModelFamily {
  return { name, url, spec: (options, dimensions) => captioner(cell, options, dimensions) };
}

/** @param given `wordDim` and `hiddenDim`, and whichever of CaptionerOptions is not to have its default */
export function captioner(cell: Cell, given: FamilyOptions, dimensions: Dimensions): ModelSpec {
  const options = captionerOptions(cell, given);
  const grid = gridOf(options, dimensions);
  const model = new Captioner(cell, options, dimensions, grid);
  const { hiddenDim, imageTo, layers, residual, standardize } = options;
  const { features } = dimensions.inputs;
  const inputs: Named<number> = { features: features!, ...(grid ? { grid: grid.positions * grid.columns } : {}) };
  const state = Object.fromEntries(stateNames(cell, layers).map((name) => [name, hiddenDim]));
  const kept: Named<number> = {
    ...(imageTo === 'everyStep' ? { image: cell.gates * hiddenDim } : {}),
    ...(grid ? keptColumns(grid) : {}),
  };
  return {
    title: titleOf(cell, options),
    dimensions,
    parameters: model.parameters,
    wiring: {
      'model.imageTo': imageTo,
      ...(layers > 1 ? { 'model.residual': residual } : {}),
      'data.standardize': standardize,
    },
    programs: {
      gradients: { inputs, hasGradients: true, run: (...given) => model.gradients(...given) },
      loss: { inputs, hasGradients: false, run: (...given) => model.loss(...given) },
      start: { inputs, hasGradients: false, run: (...given) => model.start(...given) },
      step: { inputs: { ...state, ...kept }, hasGradients: false, run: (...given) => model.step(...given) },
    },
  };
}

function titleOf({ name }: Cell, options: CaptionerOptions): string {
  const { layers, wordDim, hiddenDim, tieEmbeddings, imageTo, attention, standardize } = options;
  return [
    layers > 1 ? `${name.toUpperCase()} of ${layers} layers` : name.toUpperCase(),
    `W = ${wordDim}`,
    `H = ${hiddenDim}`,
    ...(tieEmbeddings ? ['tied embeddings'] : []),
    ...(imageTo === 'everyStep' ? ['image at every step'] : []),
    ...(imageTo === 'firstWord' ? ['image as first word'] : []),
    ...(attention === 'none' ? [] : [`${attention} attention`]),
    ...(standardize ? ['standardised features'] : []),
  ].join(', ');
}

/** What training does and measuring does not. */
type Mode = Pick<CaptionerOptions, 'dropout' | 'excludedWords'>;

const measured: Mode = { dropout: noDropout, excludedWords: [] };

class Captioner {
  readonly parameters: readonly ParameterSpec[];
  private readonly trained: ReadonlySet<string>;

  constructor(
    private readonly cell: Cell,
    private readonly options: CaptionerOptions,
    dimensions: Dimensions,
    private readonly grid: GridShape | null,
  ) {
    this.parameters = captionerParameters(cell, options, dimensions, grid);
    this.trained = new Set(this.parameters.filter(({ trained }) => trained).map(({ name }) => name));
  }

  gradients<T extends Shape>(ops: Ops<T>, parameters: Named<T>, inputs: Named<T>): ProgramOutputs<T> {
    const sink = this.sink(ops);
    const { labelSmoothing, attentionPenalty, temperature } = this.options;
    const { entry, words, attention, stack, scores } = this.forward(ops, sink, this.options, parameters, inputs);
    const tempered = (x: T) => (temperature === 1 ? x : ops.scale(x, 1 / temperature));
    const { loss: entropy, dscores } = ops.softmaxLoss(tempered(scores.y), labelSmoothing);
    const { loss, dweights } = withCoverage(ops, attention, attentionPenalty, entropy);
    const { dh, dcontext } = scores.backward(tempered(dscores));
    const gradients = stack.backward(dh, { dcontext, dweights });
    words.backward(gradients.dx);
    entry.backward(gradients);
    return { loss, gradients: sink.gradients };
  }

  loss<T extends Shape>(ops: Ops<T>, parameters: Named<T>, inputs: Named<T>): ProgramOutputs<T> {
    const { scores } = this.forward(ops, this.sink(ops), measured, parameters, inputs);
    return { loss: ops.softmaxLossOnly(scores.y) };
  }

  /**
   * features (n,D) → the state before the first word (n,H each), `image` (n,G) where each step reads it, and of grid
   * (n,L·C) itself and `projectedGrid` (n,L·A) where each step looks at it.
   */
  start<T extends Shape>(ops: Ops<T>, parameters: Named<T>, inputs: Named<T>): ProgramOutputs<T> {
    const sink = this.sink(ops);
    const { state0, beside } = this.enter(ops, sink, measured, parameters, inputs.features!);
    const kept = this.grid ? keptOfGrid(ops, sink, parameters, this.grid, inputs.grid!) : {};
    return { tensors: { ...state0, ...(beside ? { image: beside } : {}), ...kept } };
  }

  /**
   * What `start` gives and a plan of one step → the next state, scores (n,V), logSums (n,1), and `attention` (n,L), where it
   * looked.
   */
  step<T extends Shape>(ops: Ops<T>, parameters: Named<T>, inputs: Named<T>): ProgramOutputs<T> {
    const sink = this.sink(ops);
    const attention = this.grid ? attentionToKept(ops, sink, parameters, this.grid, inputs) : null;
    const reads = { beside: inputs.image ?? null, attention };
    const { stack, scores } = this.recur(ops, sink, measured, parameters, reads, inputs);
    const weights: Named<T> = attention ? { attention: attention.weights() } : {};
    return { tensors: { ...stack.state, scores: scores.y, logSums: ops.logSumExp(scores.y), ...weights } };
  }

  /** Up to the scores (M,V) of the next word at every live position. */
  private forward<T extends Shape>(
    ops: Ops<T>,
    sink: GradientSink<T>,
    mode: Mode,
    parameters: Named<T>,
    inputs: Named<T>,
  ) {
    const live = ops.plan.live[0]!;
    const entry = this.enter(ops, sink, mode, parameters, ops.firstRows(inputs.features!, live));
    const attention = this.grid
      ? attentionToGrid(ops, sink, parameters, this.grid, mode.dropout.context, ops.firstRows(inputs.grid!, live))
      : null;
    const reads = { beside: entry.beside, attention };
    return { entry, attention, ...this.recur(ops, sink, mode, parameters, reads, entry.state0) };
  }

  private enter<T extends Shape>(
    ops: Ops<T>,
    sink: GradientSink<T>,
    { dropout }: Mode,
    parameters: Named<T>,
    features: T,
  ) {
    return imageEntry(ops, sink, this.cell, this.options, dropout, parameters, features);
  }

  /** @param reads what the lowest layer reads beside the words */
  private recur<T extends Shape>(
    ops: Ops<T>,
    sink: GradientSink<T>,
    { dropout, excludedWords }: Mode,
    parameters: Named<T>,
    reads: Omit<LayerInput<T>, 'x'>,
    state0: State<T>,
  ) {
    const { layers, residual, tieEmbeddings, attentionToOutput } = this.options;
    const vectors = wordEmbedding(ops, sink, parameters, 'W_embed');
    const words = sequenceDropout(ops, vectors.y, 'words', dropout.words);
    const input = { x: words.y, ...reads };
    const stack = recurrentStack(ops, sink, this.cell, layers, residual, dropout.hidden, parameters, input, state0);
    const context = attentionToOutput && reads.attention ? reads.attention.contexts() : null;
    const scores = wordScores(ops, sink, parameters, stack.y, context, tieEmbeddings, excludedWords);
    return { words: { backward: (dy: () => T) => vectors.backward(() => words.backward(dy())) }, stack, scores };
  }

  private sink<T extends Shape>(ops: Ops<T>): GradientSink<T> {
    return new GradientSink(ops, (name) => this.trained.has(name));
  }
}
