/** The values that the notebooks of Stanford CS231n's assignment 3 print for fixed inputs (cs231n.json). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { matrix, type ReferenceMatrix, ReferenceOps } from '../../src/engine/reference/reference-ops.js';
import { captionerPrograms } from '../../src/model/captioner.js';
import { affineForward } from '../../src/model/layers/affine.js';
import { wordEmbeddingForward } from '../../src/model/layers/embedding.js';
import { lstmForward, lstmStepForward } from '../../src/model/layers/lstm.js';
import { rnnForward, rnnStepForward } from '../../src/model/layers/rnn.js';
import { type Cell, type Parameters, parameterNames, parameterShapes } from '../../src/model/parameters.js';
import { decodingPlan, packedPlan, paddedPlan } from '../../src/model/step-plan.js';

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
  return new ReferenceOps(paddedPlan(new Int32Array(N * (T + 1)).fill(4), N, T + 1));
}

describe('the layers on the reference engine meet the values of the course', () => {
  it('rnn_step_forward', () => {
    const { x, prev_h, Wx, Wh, b } = inputsOf('rnn_step_forward');
    const ops = stepOps(x!.rows);
    const nextH = rnnStepForward(ops, 0, affineForward(ops, x!, Wx!, b!), prev_h!, Wh!);
    expect(relativeError(nextH.data, golden.rnn_step_forward.next_h.flat())).toBeLessThan(allowed['step and forward']);
  });

  it('rnn_forward', () => {
    const { N, T } = golden.rnn_forward.dims;
    const { x, h0, Wx, Wh, b } = inputsOf('rnn_forward');
    const { h } = rnnForward(sequenceOps(N, T), timeMajor(x!, N, T), h0!, { Wx: Wx!, Wh: Wh!, b: b! });
    const expected = timeMajor(matrix(N * T, h.columns, Float64Array.from(golden.rnn_forward.h.flat(2))), N, T);
    expect(relativeError(h.data, [...expected.data])).toBeLessThan(allowed['step and forward']);
  });

  it('lstm_step_forward', () => {
    const { x, prev_h, prev_c, Wx, Wh, b } = inputsOf('lstm_step_forward');
    const ops = stepOps(x!.rows);
    const step = lstmStepForward(ops, 0, affineForward(ops, x!, Wx!, b!), prev_h!, prev_c!, Wh!);
    const { next_h, next_c } = golden.lstm_step_forward;
    expect(relativeError(step.h.data, next_h.flat())).toBeLessThan(allowed['step and forward']);
    expect(relativeError(step.c.data, next_c.flat())).toBeLessThan(allowed['step and forward']);
  });

  it('lstm_forward', () => {
    const { N, T, H } = golden.lstm_forward.dims;
    const { x, h0, Wx, Wh, b } = inputsOf('lstm_forward');
    const { h } = lstmForward(sequenceOps(N, T), timeMajor(x!, N, T), h0!, H, { Wx: Wx!, Wh: Wh!, b: b! });
    const expected = timeMajor(matrix(N * T, h.columns, Float64Array.from(golden.lstm_forward.h.flat(2))), N, T);
    expect(relativeError(h.data, [...expected.data])).toBeLessThan(allowed['step and forward']);
  });

  it('word_embedding_forward', () => {
    const { dims, x } = golden.word_embedding_forward as { dims: { V: number; D: number }; x: number[][] };
    const words = Int32Array.from(x.flat());
    const out = wordEmbeddingForward(new ReferenceOps(decodingPlan(words)), linspace(0, 1, [dims.V, dims.D]));
    const expected = [...words].flatMap((k) => [3 * k, 3 * k + 1, 3 * k + 2].map((value) => value / 14));
    expect(relativeError(out.data, expected)).toBeLessThan(allowed['step and forward']);
  });

  it.each(['rnn', 'lstm'] as const)('the captioner loss of an %s', (cell: Cell) => {
    const { dims, every_parameter, [cell]: given } = golden.captioning_loss;
    const { N, D, W, H, T, V } = dims;
    const shape = { cell, featureDim: D, wordDim: W, hiddenDim: H, vocabSize: V, steps: T - 1 };
    const shapes = parameterShapes(shape);
    const [, from, to] = every_parameter;
    const parameters = Object.fromEntries(
      parameterNames.map((name) => [name, linspace(from, to, shapes[name])]),
    ) as Parameters<ReferenceMatrix>;
    const plan = packedPlan(
      Int32Array.from({ length: N * T }, (_, i) => i % 3),
      N,
      T,
    );
    const features = linspace(given.features[1], given.features[2], [N, D]);
    const ordered = matrix(N, D);
    plan.order.forEach((row, r) => {
      ordered.data.set(features.data.subarray(row * D, (row + 1) * D), r * D);
    });
    const ops = new ReferenceOps(plan);
    const { loss } = captionerPrograms(shape).gradients(ops, parameters, { features: ordered });
    expect(relativeError([loss!.data[0]! / N], [given.loss])).toBeLessThan(allowed.loss);
  });
});
