/**
 * The captioner of CS231n assignment 3 (CaptioningRNN, after Vinyals et al. 2015, "Show and Tell"): an affine map of
 * the image feature is the first hidden state, word vectors drive an RNN or LSTM, and an affine map of each hidden
 * state scores the next word.
 */
import type { Ops, Program, ProgramOutputs, Tensors } from '../engine/engine.js';
import { affineBackward, affineForward, affineInputGradient } from './layers/affine.js';
import { wordEmbeddingBackward, wordEmbeddingForward } from './layers/embedding.js';
import { lstmBackward, lstmForward, lstmStepForward } from './layers/lstm.js';
import { rnnBackward, rnnForward, rnnStepForward } from './layers/rnn.js';
import { temporalSoftmaxLoss } from './layers/softmax-loss.js';
import type { ModelShape, Parameters } from './parameters.js';

/** The programs of a captioner of one shape. Each is made ready on an engine once. */
export interface CaptionerPrograms {
  /** features (n,D), a plan with targets → summed loss and the gradient of every parameter. */
  readonly gradients: Program;
  /** features (n,D), a plan with targets → summed loss. */
  readonly loss: Program;
  /** features (n,D) → h (n,H) and, for an LSTM, c (n,H): the state before the first word. */
  readonly captionStart: Program;
  /** h, c (n,H) and a plan of one step → the next h, c and the likeliest next word of each row, words (n,1). */
  readonly captionStep: Program;
}

export function captionerPrograms(shape: ModelShape): CaptionerPrograms {
  return {
    gradients: (ops, parameters, tensors) => lossAndGradients(ops, shape, parameters, tensors),
    loss: (ops, parameters, tensors) => ({ loss: ops.softmaxLossOnly(scores(ops, shape, parameters, tensors).scores) }),
    captionStart: (ops, parameters, tensors) => captionStart(ops, shape, parameters, tensors),
    captionStep: (ops, parameters, tensors) => captionStep(ops, shape, parameters, tensors),
  };
}

function lossAndGradients<T>(
  ops: Ops<T>,
  shape: ModelShape,
  parameters: Parameters<T>,
  tensors: Tensors<T>,
): ProgramOutputs<T> {
  const forward = scores(ops, shape, parameters, tensors);
  const { loss, dscores } = temporalSoftmaxLoss(ops, forward.scores);

  const { dw: W_vocab, db: b_vocab } = affineBackward(ops, dscores, forward.recurrent.h, ['W_vocab', 'b_vocab']);
  const dh = affineInputGradient(ops, dscores, parameters.W_vocab);
  const { dx, dh0, dWx, dWh, db } = forward.recurrent.backward(dh);
  const W_embed = wordEmbeddingBackward(ops, dx, shape.vocabSize);
  const { dw: W_proj, db: b_proj } = affineBackward(ops, dh0, forward.features, ['W_proj', 'b_proj']);

  return { loss, gradients: { W_proj, b_proj, W_embed, Wx: dWx, Wh: dWh, b: db, W_vocab, b_vocab } };
}

/** The forward pass up to the scores (M,V) of the next word at every live position. */
function scores<T>(ops: Ops<T>, shape: ModelShape, parameters: Parameters<T>, tensors: Tensors<T>) {
  const features = ops.firstRows(tensors.features!, ops.plan.live[0]!);
  const h0 = affineForward(ops, features, parameters.W_proj, parameters.b_proj);
  const x = wordEmbeddingForward(ops, parameters.W_embed);
  const recurrent = recurrentLayer(ops, shape, x, h0, parameters);
  return {
    features,
    recurrent,
    scores: affineForward(ops, recurrent.h, parameters.W_vocab, parameters.b_vocab),
  };
}

function recurrentLayer<T>(ops: Ops<T>, shape: ModelShape, x: T, h0: T, parameters: Parameters<T>) {
  if (shape.cell === 'rnn') {
    const forward = rnnForward(ops, x, h0, parameters);
    return { h: forward.h, backward: (dh: T) => rnnBackward(ops, dh, forward, x, parameters) };
  }
  const forward = lstmForward(ops, x, h0, shape.hiddenDim, parameters);
  return { h: forward.h, backward: (dh: T) => lstmBackward(ops, dh, forward, x, parameters) };
}

function captionStart<T>(
  ops: Ops<T>,
  shape: ModelShape,
  parameters: Parameters<T>,
  tensors: Tensors<T>,
): ProgramOutputs<T> {
  const h = affineForward(ops, tensors.features!, parameters.W_proj, parameters.b_proj);
  return { tensors: shape.cell === 'lstm' ? { h, c: ops.zeros(ops.plan.rows, shape.hiddenDim) } : { h } };
}

function captionStep<T>(
  ops: Ops<T>,
  shape: ModelShape,
  parameters: Parameters<T>,
  tensors: Tensors<T>,
): ProgramOutputs<T> {
  const xWx = affineForward(ops, wordEmbeddingForward(ops, parameters.W_embed), parameters.Wx, parameters.b);
  const state =
    shape.cell === 'rnn'
      ? { h: rnnStepForward(ops, 0, xWx, tensors.h!, parameters.Wh) }
      : lstmState(lstmStepForward(ops, 0, xWx, tensors.h!, tensors.c!, parameters.Wh));
  const words = ops.argmax(affineForward(ops, state.h, parameters.W_vocab, parameters.b_vocab));
  return { tensors: { ...state, words } };
}

function lstmState<T>({ h, c }: { h: T; c: T }): { h: T; c: T } {
  return { h, c };
}
