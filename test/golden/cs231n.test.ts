/** The values that the notebooks of Stanford CS231n's assignment 3 print for fixed inputs (cs231n.json). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { matrix, type ReferenceMatrix } from '../../src/engine/reference/reference-matrix.js';
import { ReferenceOps } from '../../src/engine/reference/reference-ops.js';
import type { CellName } from '../../src/model/cells/built-in.js';
import { lstm } from '../../src/model/cells/lstm.js';
import { rnn } from '../../src/model/cells/rnn.js';
import { affine } from '../../src/model/layers/affine.js';
import { wordEmbedding } from '../../src/model/layers/embedding.js';
import { recurrentLayer } from '../../src/model/layers/recurrent.js';
import { byPosition } from '../../src/model/layers/sequence.js';
import { GradientSink } from '../../src/tensor/gradient-sink.js';
import { decodingPlan, packedPlan, paddedPlan } from '../../src/tensor/step-plan.js';
import { specOf, tokensOf } from '../support/shard.js';

const golden = JSON.parse(readFileSync(new URL('./cs231n.json', import.meta.url), 'utf8'));
const allowed: { 'step and forward': number; loss: number } = golden.relative_error_allowed;

/** The course's relative error: the largest |a - b| / max(1e-8, |a| + |b|). */
function relativeError(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  return expected.reduce((worst, b, i) => {
    const a = found[i]!;
    return Math.max(worst, Math.abs(a - b) / Math.max(1e-8, Math.abs(a) + Math.abs(b)));
  }, 0);
}

function linspace(from: number, to: number, shape: readonly number[]): ReferenceMatrix {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: size }, (_, i) => from + ((to - from) * i) / (size - 1));
  const columns = shape.at(-1)!;
  return matrix(size / columns, columns, data);
}

/** The inputs of one golden case; `["L", a, b, shape]` is linspace(a, b) in that shape. */
function inputsOf(name: string): Record<string, ReferenceMatrix> {
  const { dims, inputs } = golden[name] as {
    dims: Record<string, number>;
    inputs: Record<string, [string, number, number, string[]]>;
  };
  const size = (dim: string) => (dim === '4H' ? 4 * dims.H! : dims[dim]!);
  return Object.fromEntries(
    Object.entries(inputs).map(([key, [, from, to, shape]]) => [key, linspace(from, to, shape.map(size))]),
  );
}

/** Rows (N,T,·) in the order of a padded plan, time step by time step. */
function timeMajor(x: ReferenceMatrix, N: number, T: number): ReferenceMatrix {
  const out = matrix(x.rows, x.columns);
  for (let n = 0; n < N; n++) {
    for (let t = 0; t < T; t++) {
      const from = (n * T + t) * x.columns;
      out.data.set(x.data.subarray(from, from + x.columns), (t * N + n) * x.columns);
    }
  }
  return out;
}

function stepOps(rows: number): ReferenceOps {
  return new ReferenceOps(decodingPlan(new Int32Array(rows)));
}

function sequenceOps(N: number, T: number): ReferenceOps {
  return new ReferenceOps(paddedPlan(tokensOf(new Int32Array(N * (T + 1)).fill(4), N, T + 1)));
}

function sinkOf(ops: ReferenceOps): GradientSink<ReferenceMatrix> {
  return new GradientSink(ops, () => true);
}

/** The rows of the input product x·Wx + b. */
function inputProduct(ops: ReferenceOps, { x, Wx, b }: Record<string, ReferenceMatrix>): ReferenceMatrix {
  return affine(ops, sinkOf(ops), { Wx: Wx!, b: b! }, ['Wx', 'b'], x!).y;
}

describe('the layers on the reference engine meet the values of the course', () => {
  it('rnn_step_forward', () => {
    const inputs = inputsOf('rnn_step_forward');
    const ops = stepOps(inputs.x!.rows);
    const { state } = rnn.step(ops, { Wh: inputs.Wh! }, inputProduct(ops, inputs), { h: inputs.prev_h! });
    expect(relativeError(state.h!.data, golden.rnn_step_forward.next_h.flat())).toBeLessThan(
      allowed['step and forward'],
    );
  });

  it('rnn_forward', () => {
    const { N, T } = golden.rnn_forward.dims;
    const { x, h0, ...parameters } = inputsOf('rnn_forward');
    const ops = sequenceOps(N, T);
    const words = byPosition(ops, timeMajor(x!, N, T));
    const { y } = recurrentLayer(ops, sinkOf(ops), rnn, parameters, '', { x: words, beside: null }, { h: h0! });
    const { columns, data } = y.values;
    const expected = timeMajor(matrix(N * T, columns, Float64Array.from(golden.rnn_forward.h.flat(2))), N, T);
    expect(relativeError(data, [...expected.data])).toBeLessThan(allowed['step and forward']);
  });

  it('lstm_step_forward', () => {
    const inputs = inputsOf('lstm_step_forward');
    const ops = stepOps(inputs.x!.rows);
    const previous = { h: inputs.prev_h!, c: inputs.prev_c! };
    const { state } = lstm.step(ops, { Wh: inputs.Wh! }, inputProduct(ops, inputs), previous);
    const { next_h, next_c } = golden.lstm_step_forward;
    expect(relativeError(state.h!.data, next_h.flat())).toBeLessThan(allowed['step and forward']);
    expect(relativeError(state.c!.data, next_c.flat())).toBeLessThan(allowed['step and forward']);
  });

  it('lstm_forward', () => {
    const { N, T, H } = golden.lstm_forward.dims;
    const { x, h0, ...parameters } = inputsOf('lstm_forward');
    const ops = sequenceOps(N, T);
    const words = byPosition(ops, timeMajor(x!, N, T));
    const state0 = { h: h0!, c: ops.zeros(N, H) };
    const { y } = recurrentLayer(ops, sinkOf(ops), lstm, parameters, '', { x: words, beside: null }, state0);
    const { columns, data } = y.values;
    const expected = timeMajor(matrix(N * T, columns, Float64Array.from(golden.lstm_forward.h.flat(2))), N, T);
    expect(relativeError(data, [...expected.data])).toBeLessThan(allowed['step and forward']);
  });

  it('word_embedding_forward', () => {
    const { dims, x } = golden.word_embedding_forward as { dims: { V: number; D: number }; x: number[][] };
    const words = Int32Array.from(x.flat());
    const ops = new ReferenceOps(decodingPlan(words));
    const { y } = wordEmbedding(ops, sinkOf(ops), { W_embed: linspace(0, 1, [dims.V, dims.D]) }, 'W_embed');
    const expected = [...words].flatMap((k) => [3 * k, 3 * k + 1, 3 * k + 2].map((value) => value / 14));
    expect(relativeError(y.values.data, expected)).toBeLessThan(allowed['step and forward']);
  });

  it.each(['rnn', 'lstm'] as const)('the captioner loss of an %s', (cell: CellName) => {
    const { dims, every_parameter, [cell]: given } = golden.captioning_loss;
    const { N, D, W, H, T, V } = dims;
    const spec = specOf({ cell, featureDim: D, wordDim: W, hiddenDim: H, vocabSize: V, steps: T - 1 });
    const [, from, to] = every_parameter;
    const parameters = Object.fromEntries(spec.parameters.map(({ name, shape }) => [name, linspace(from, to, shape)]));
    const captions = Int32Array.from({ length: N * T }, (_, i) => i % 3);
    const plan = packedPlan(tokensOf(captions, N, T));
    const features = linspace(given.features[1], given.features[2], [N, D]);
    const ordered = matrix(N, D);
    plan.order.forEach((row, r) => {
      ordered.data.set(features.data.subarray(row * D, (row + 1) * D), r * D);
    });
    const { loss } = spec.programs.gradients.run(new ReferenceOps(plan), parameters, { features: ordered });
    expect(relativeError([loss!.data[0]! / N], [given.loss])).toBeLessThan(allowed.loss);
  });
});
