/** Each backward rule of the tape, and cells written forward only, in float64 on the reference engine. */
import { describe, expect, it } from 'vitest';
import { matrix, type ReferenceMatrix } from '../../src/engine/reference/reference-matrix.js';
import { ReferenceOps } from '../../src/engine/reference/reference-ops.js';
import type { Cell } from '../../src/model/cells/cell.js';
import { lstm } from '../../src/model/cells/lstm.js';
import { rnn } from '../../src/model/cells/rnn.js';
import { recurrentLayer } from '../../src/model/layers/recurrent.js';
import { byInput, byPosition } from '../../src/model/layers/sequence.js';
import { Node, Tape } from '../../src/tensor/differentiate.js';
import { GradientSink } from '../../src/tensor/gradient-sink.js';
import type { Shape } from '../../src/tensor/matrix.js';
import type { CellOps } from '../../src/tensor/ops.js';
import { packedPlan, type StepPlan } from '../../src/tensor/step-plan.js';
import { relativeDifference } from '../engine/side-by-side.js';
import { raggedTokens } from '../engine/small-program.js';
import { forwardLstm, forwardRnn, late } from '../model/forward-cells.js';
import { fillNormals } from '../support/shard.js';

type Values = Readonly<Record<string, ReferenceMatrix>>;

function drawn(rows: number, columns: number, seed: number, scale = 1): ReferenceMatrix {
  const values = matrix(rows, columns);
  fillNormals(values.data, seed, scale);
  return values;
}

const plan: StepPlan = packedPlan(raggedTokens(5, 9, 4));
const ops = new ReferenceOps(plan);

function sumOfProducts(a: ReferenceMatrix, b: ReferenceMatrix): number {
  return a.data.reduce((sum, value, i) => sum + value * b.data[i]!, 0);
}

/** Gradients of the sum of dy ∘ forward(…) by every element, as central differences. */
function numericGradients(values: Values, dy: ReferenceMatrix, forward: () => ReferenceMatrix): Values {
  const h = 1e-5;
  const entries = Object.entries(values).map(([name, { rows, columns, data }]) => {
    const numeric = data.map((value, i) => {
      data[i] = value + h;
      const above = sumOfProducts(forward(), dy);
      data[i] = value - h;
      const below = sumOfProducts(forward(), dy);
      data[i] = value;
      return (above - below) / (2 * h);
    });
    return [name, matrix(rows, columns, numeric)] as const;
  });
  return Object.fromEntries(entries);
}

type Operation = <T extends Shape>(ops: CellOps<T>, given: Readonly<Record<string, T>>) => T;

/** The operations on a and b (4,3), w (3,5), row (1,3) and bias (1,5). */
const operations: Record<string, Operation> = {
  matmul: (ops, { a, w }) => ops.matmul(a!, w!),
  'matmul with a bias': (ops, { a, w, bias }) => ops.matmul(a!, w!, { bias: bias! }),
  add: (ops, { a, b }) => ops.add(a!, b!),
  'add of a value to itself': (ops, { a }) => ops.add(a!, a!),
  multiply: (ops, { a, b }) => ops.multiply(a!, b!),
  'multiply of a value with itself': (ops, { a }) => ops.multiply(a!, a!),
  scale: (ops, { a }) => ops.scale(a!, -2.5),
  oneMinus: (ops, { a }) => ops.oneMinus(a!),
  sigmoid: (ops, { a }) => ops.sigmoid(a!),
  tanh: (ops, { a }) => ops.tanh(a!),
  addRow: (ops, { a, row }) => ops.addRow(a!, row!),
  'columnsOf, the first': (ops, { a }) => ops.columnsOf(a!, 0, 2),
  'columnsOf, in the middle': (ops, { a }) => ops.columnsOf(a!, 1, 1),
  'columnsOf, the last': (ops, { a }) => ops.columnsOf(a!, 1, 2),
  'columnsOf, all': (ops, { a }) => ops.columnsOf(a!, 0, 3),
  joinColumns: (ops, { a, b }) => ops.joinColumns([a!, b!, a!]),
  'all of them in a chain': (ops, { a, b, w, row, bias }) => {
    const gates = ops.sigmoid(ops.matmul(ops.addRow(ops.multiply(a!, b!), row!), w!, { bias: bias! }));
    const left = ops.columnsOf(gates, 0, 3);
    const mixed = ops.add(ops.multiply(left, a!), ops.multiply(ops.oneMinus(left), ops.tanh(ops.scale(b!, 0.5))));
    return ops.joinColumns([mixed, ops.columnsOf(gates, 3, 2)]);
  },
};

describe('the way back', () => {
  const values: Values = {
    a: drawn(4, 3, 1),
    b: drawn(4, 3, 2),
    w: drawn(3, 5, 3),
    row: drawn(1, 3, 4),
    bias: drawn(1, 5, 5),
  };

  for (const [name, operation] of Object.entries(operations)) {
    const forward = () => operation(ops, values);
    const { rows, columns } = forward();
    const dy = drawn(rows, columns, 6);

    it(`has the numeric gradients, ${name}`, () => {
      const tape = new Tape(ops);
      const nodes = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, new Node(value)]));
      tape.backward([[operation(tape, nodes), dy]]);
      for (const [key, numeric] of Object.entries(numericGradients(values, dy, forward))) {
        const found = nodes[key]!.gradient?.data ?? new Float64Array(numeric.data.length);
        expect(relativeDifference(found, numeric.data), key).toBeLessThan(1e-8);
      }
      expect([tape.products, tape.rows]).toEqual([[], []]);
    });
  }

  it('notes for a parameter what its gradient is made of, use by use, instead of the gradient', () => {
    const tape = new Tape(ops);
    const node = (name: string) => new Node(values[name]!, name);
    const [w, row, bias, a] = [node('w'), node('row'), node('bias'), new Node(values.a!)];
    const operation = (on: Tape<ReferenceMatrix>) =>
      on.joinColumns([on.matmul(on.addRow(a, row), w, { bias }), on.matmul(a, w)]);
    const dy = drawn(4, 10, 6);
    tape.backward([[operation(tape), dy]]);
    const numeric = numericGradients(values, dy, () => {
      const first = ops.matmul(ops.addRow(values.a!, values.row!), values.w!, { bias: values.bias! });
      return ops.joinColumns([first, ops.matmul(values.a!, values.w!)]);
    });
    expect(tape.products.map(({ name }) => name)).toEqual(['w', 'w']);
    const parts = tape.products.map(({ a, dout }) => ops.matmul(a, dout, { transposeA: true }));
    expect(relativeDifference(ops.add(parts[0]!, parts[1]!).data, numeric.w!.data)).toBeLessThan(1e-8);
    expect(tape.rows.map(({ name }) => name).sort()).toEqual(['bias', 'row']);
    for (const { name, dout } of tape.rows) {
      expect(relativeDifference(ops.columnSums(dout).data, numeric[name]!.data), name).toBeLessThan(1e-8);
    }
    expect(relativeDifference(a.gradient!.data, numeric.a!.data)).toBeLessThan(1e-8);
  });

  it('refuses a parameter used where no gradient can be noted', () => {
    const tape = new Tape(ops);
    const y = tape.multiply(new Node(values.a!), new Node(values.b!, 'b'));
    expect(() => tape.backward([[y, values.a!]])).toThrow('b is no right side of a product, no bias and no added row');
  });

  it('adds up what comes from several results, also through one that is given no gradient', () => {
    const tape = new Tape(ops);
    const a = new Node(values.a!);
    const [y, unused] = [tape.tanh(a), tape.sigmoid(a)];
    tape.backward([
      [y, values.b!],
      [tape.scale(a, 2), values.b!],
    ]);
    const expected = values.a!.data.map((value, i) => values.b!.data[i]! * (1 - Math.tanh(value) ** 2 + 2));
    expect(relativeDifference(a.gradient!.data, expected)).toBeLessThan(1e-14);
    expect(unused.gradient).toBeNull();
  });
});

const H = 4;
const W = 3;

describe('a cell written forward only', () => {
  const lowest = byInput(ops, drawn(plan.inputs, W, 10));
  const higher = byPosition(ops, drawn(plan.tokens, W, 11));
  const dy = drawn(plan.tokens, H, 12);

  function valuesFor(cell: Cell): { parameters: Values; state0: Values } {
    const own = cell.parameters(H).map(({ name, shape }, i) => {
      const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
      return [name, drawn(rows, columns, 30 + i, 0.5)] as const;
    });
    const G = cell.gates * H;
    return {
      parameters: { Wx: drawn(W, G, 20, 0.5), b: drawn(1, G, 21, 0.5), ...Object.fromEntries(own) },
      state0: Object.fromEntries(cell.state.map((name, i) => [name, drawn(plan.live[0]!, H, 40 + i)])),
    };
  }

  function gradientsOf(cell: Cell, { parameters, state0 }: ReturnType<typeof valuesFor>, x: typeof lowest): Values {
    const sink = new GradientSink(ops, () => true);
    const layer = recurrentLayer(ops, sink, cell, parameters, '', { x, beside: null }, state0);
    const { dx, dstate0 } = layer.backward(dy);
    const states = Object.entries(dstate0).map(([name, gradient]) => [`first ${name}`, gradient] as const);
    return { ...sink.gradients, x: dx(), y: layer.y.values, ...Object.fromEntries(states) };
  }

  it.each([
    ['rnn', rnn, forwardRnn],
    ['lstm', lstm, forwardLstm],
  ])('computes what the cell with a way back by hand does, %s', (_, byHand, forward) => {
    const values = valuesFor(byHand);
    for (const x of [lowest, higher]) {
      const expected = gradientsOf(byHand, values, x);
      const found = gradientsOf(forward, values, x);
      expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, { data }] of Object.entries(expected)) {
        expect(relativeDifference(found[name]!.data, data), name).toBeLessThan(1e-12);
      }
    }
  });

  it('may have states and parameters that reach its output only a step later', () => {
    const values = valuesFor(late);
    const found = gradientsOf(late, values, higher);
    const forward = () =>
      recurrentLayer(
        ops,
        new GradientSink(ops, () => true),
        late,
        values.parameters,
        '',
        { x: higher, beside: null },
        values.state0,
      ).y.values;
    const numeric = {
      ...numericGradients(values.parameters, dy, forward),
      ...numericGradients({ x: higher.values }, dy, forward),
      'first h': numericGradients(values.state0, dy, forward).h!,
      'first m': numericGradients(values.state0, dy, forward).m!,
    };
    for (const [name, { data }] of Object.entries(numeric)) {
      expect(relativeDifference(found[name]!.data, data), name).toBeLessThan(1e-8);
    }
  });
});
