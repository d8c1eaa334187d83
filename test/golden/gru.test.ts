/** What PyTorch's nn.GRU computes in float64 for fixed inputs (gru.json, printed by make-gru.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { matrix, type ReferenceMatrix } from '../../src/engine/reference/reference-matrix.js';
import { ReferenceOps } from '../../src/engine/reference/reference-ops.js';
import { gru } from '../../src/model/cells/gru.js';
import { recurrentLayer } from '../../src/model/layers/recurrent.js';
import { byPosition } from '../../src/model/layers/sequence.js';
import { GradientSink } from '../../src/tensor/gradient-sink.js';
import { packedPlan } from '../../src/tensor/step-plan.js';
import { relativeDifference } from '../engine/side-by-side.js';

type Rows = readonly (readonly number[])[];

interface Case {
  readonly lengths: readonly number[];
  readonly given: Readonly<Record<string, Rows>>;
  /** (M,H) */
  readonly h: Rows;
  readonly gradients: Readonly<Record<string, Rows>>;
}

const { cases } = JSON.parse(readFileSync(new URL('./gru.json', import.meta.url), 'utf8')) as { cases: Case[] };

function matrixOf(rows: Rows): ReferenceMatrix {
  return matrix(rows.length, rows[0]!.length, Float64Array.from(rows.flat()));
}

/** Captions of these lengths, of whatever words. */
function opsOf(lengths: readonly number[]): ReferenceOps {
  const steps = Math.max(...lengths);
  const words = lengths.flatMap((length) => Array.from({ length: steps }, (_, t) => (t < length ? 1 : 0)));
  const tokens = Int32Array.from(words);
  return new ReferenceOps(packedPlan({ rows: lengths.length, steps, inputs: tokens, targets: tokens, weights: null }));
}

describe.each(cases)('a GRU over sequences of lengths $lengths', ({ lengths, given, h, gradients }) => {
  const { x, h0, dh, ...parameters } = Object.fromEntries(
    Object.entries(given).map(([name, rows]) => [name, matrixOf(rows)]),
  );
  const ops = opsOf(lengths);
  const sink = new GradientSink(ops, () => true);
  const layer = recurrentLayer(ops, sink, gru, parameters, '', { x: byPosition(ops, x!), beside: null }, { h: h0! });

  it('has the hidden states of PyTorch', () => {
    expect(relativeDifference(layer.y.values.data, h.flat())).toBeLessThan(1e-12);
  });

  it('has the gradients of PyTorch by input, first state and every parameter', () => {
    const { dx, dstate0 } = layer.backward(dh!);
    const found: Record<string, ReferenceMatrix> = { x: dx(), h0: dstate0.h!, ...sink.gradients };
    for (const [name, expected] of Object.entries(gradients)) {
      expect(relativeDifference(found[name]!.data, expected.flat()), name).toBeLessThan(1e-12);
    }
    expect(Object.keys(found).sort()).toEqual(Object.keys(gradients).sort());
  });
});
