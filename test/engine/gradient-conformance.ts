/** What every engine promises about where gradients go: parameters used twice, frozen ones, ones without a gradient. */
import { expect } from 'vitest';
import { parametersOf, trainedView } from '../../src/engine/shared-memory.js';
import { affine } from '../../src/model/layers/affine.js';
import { wordEmbedding } from '../../src/model/layers/embedding.js';
import { GradientSink } from '../../src/tensor/gradient-sink.js';
import { namedViews } from '../../src/tensor/layout.js';
import { parameter } from '../../src/tensor/model-spec.js';
import { noDecay } from '../../src/tensor/update-rules.js';
import { gradientsOf, type Harness, planFor, relativeDifference, type Sides, sideBySide } from './side-by-side.js';
import { drawnInputs, modelOf, raggedTokens, type SmallProgram } from './small-program.js';

const vocabSize = 13;
const steps = 4;
const rows = 6;
const normal = { normal: 1 };

/** tanh(x·w + b)·w + b, with or without a frozen layer in between. */
function sharedLayer(frozen: boolean): SmallProgram {
  return {
    parameters: [
      parameter('W_frozen', [7, 7], normal, { trained: false }),
      parameter('w', [7, 7], normal),
      parameter('b_frozen', [7], normal, { trained: false }),
      parameter('b', [7], normal),
    ],
    inputs: { x: 7, dy: 7 },
    run(ops, parameters, { x, dy }) {
      const sink = new GradientSink(ops, (name) => !name.endsWith('_frozen'));
      const first = affine(ops, sink, parameters, ['w', 'b'], x!);
      const h = ops.tanh(first.y);
      const between = frozen ? affine(ops, sink, parameters, ['W_frozen', 'b_frozen'], h) : null;
      const second = affine(ops, sink, parameters, ['w', 'b'], between?.y ?? h);
      second.backward(dy!);
      let dh = second.inputGradient(dy!);
      if (between) {
        between.backward(dh);
        dh = between.inputGradient(dh);
      }
      first.backward(ops.multiply(dh, ops.oneMinus(ops.multiply(h, h))));
      return { gradients: sink.gradients, tensors: { y: second.y } };
    },
  };
}

/** Scores of the words from their own vectors: the table is read by rows and as a matrix of weights. */
function tiedTable(rowsFirst: boolean): SmallProgram {
  return {
    parameters: [parameter('b', [vocabSize], normal), parameter('table', [vocabSize, 7], normal)],
    inputs: {},
    run(ops, parameters) {
      const sink = new GradientSink(ops, () => true);
      const table = parameters.table!;
      const words = wordEmbedding(ops, sink, parameters, 'table');
      const h = ops.pack(Array.from({ length: ops.plan.steps }, (_, t) => ops.tanh(words.y.at(t))));
      const scores = ops.matmul(h, table, { transposeB: true, bias: parameters.b! });
      const { loss, dscores } = ops.softmaxLoss(scores);
      const dx = ops.multiply(ops.matmul(dscores, table), ops.oneMinus(ops.multiply(h, h)));
      const uses = [
        () => words.backward(() => words.y.gather(dx)),
        () => sink.add('table', (options) => ops.matmul(dscores, h, { transposeA: true, ...options })),
      ];
      for (const use of rowsFirst ? uses : uses.reverse()) use();
      sink.add('b', (options) => ops.columnSums(dscores, options));
      return { loss, gradients: sink.gradients };
    },
  };
}

/** Tables read by rows, one of them twice; the other one, and a matrix, have a gradient only if `all` do. */
function withoutGradients(all: boolean): SmallProgram {
  return {
    parameters: [
      parameter('table', [vocabSize, 5], normal, { sparseRows: true }),
      parameter('other', [vocabSize, 5], normal, { sparseRows: true }),
      parameter('w', [5, 3], normal),
    ],
    inputs: {},
    run(ops, parameters) {
      const sink = new GradientSink(ops, (name) => all || name === 'table');
      for (const name of ['table', 'other', 'table']) {
        const words = wordEmbedding(ops, sink, parameters, name);
        words.backward(() => ops.scale(words.y.values, 2));
      }
      const vectors = ops.embed(parameters.table!);
      sink.add('w', (options) =>
        ops.matmul(vectors, ops.matmul(vectors, parameters.w!), { transposeA: true, ...options }),
      );
      return { gradients: sink.gradients };
    },
  };
}

export function promiseGradients({ promise, choice, tolerance }: Harness): void {
  /** Runs the program on both engines, on the words of one seed. */
  async function runBoth({ tested, reference }: Sides, program: SmallProgram, seed: number): Promise<void> {
    const { gradients } = modelOf(program, vocabSize, steps, true).programs;
    const plan = planFor(tested.engine, raggedTokens(rows, vocabSize, steps, seed));
    const request = { shard: 0, plan, inputs: drawnInputs(program.inputs, plan) };
    const [found, expected] = await Promise.all(
      [tested, reference].map(({ engine }) => engine.prepare(gradients, { rows, steps }).run(request)),
    );
    expect(relativeDifference([found!.loss], [expected!.loss])).toBeLessThan(tolerance);
  }

  function expectSameGradients({ tested, reference }: Sides): void {
    const found = gradientsOf(tested);
    for (const [name, expected] of Object.entries(gradientsOf(reference))) {
      expect(relativeDifference(found[name]!, expected), `gradient of ${name}`).toBeLessThan(tolerance);
    }
  }

  const sidesOf = (program: SmallProgram) =>
    sideBySide(choice(), modelOf(program, vocabSize, steps, true), { rows, shards: 1 });

  promise('adds up the gradients of a parameter that two layers share', async () => {
    const program = sharedLayer(false);
    const sides = await sidesOf(program);
    await runBoth(sides, program, 1);
    expectSameGradients(sides);
    await sides.tested.engine.dispose();
  });

  promise('gives a frozen parameter no gradient and no update, and the others theirs', async () => {
    const program = sharedLayer(true);
    const sides = await sidesOf(program);
    const { tested } = sides;
    const frozen = () => {
      const { W_frozen, b_frozen } = namedViews(parametersOf(tested.memory), tested.memory.layout);
      return [...W_frozen!, ...b_frozen!];
    };
    const before = frozen();
    await runBoth(sides, program, 1);
    expectSameGradients(sides);
    expect(Object.keys(gradientsOf(tested))).toEqual(['w', 'b']);
    const numbers = { rule: 'momentum', stepSize: 1, momentum: 0, nesterov: false } as const;
    tested.engine.update(
      { ...numbers, ...noDecay, divisor: 1, limit: 1 },
      'slots',
      0,
      tested.memory.layout.trainedLength,
    );
    expect(frozen()).toEqual(before);
    await tested.engine.dispose();
  });

  for (const rowsFirst of [true, false]) {
    const order = rowsFirst ? 'by rows and then densely' : 'densely and then by rows';
    promise(`adds up the gradients of a table that is used ${order}, and leaves nothing for the next`, async () => {
      const program = tiedTable(rowsFirst);
      const sides = await sidesOf(program);
      for (const seed of [1, 2]) {
        await runBoth(sides, program, seed);
        expectSameGradients(sides);
      }
      await sides.tested.engine.dispose();
    });
  }

  promise('gives parameters without a gradient zero, whatever ran before', async () => {
    const sides = await sidesOf(withoutGradients(true));
    for (const [all, seed] of [
      [true, 1],
      [false, 2],
      [true, 3],
    ] as const) {
      await runBoth(sides, withoutGradients(all), seed);
      expectSameGradients(sides);
    }
    await runBoth(sides, withoutGradients(false), 4);
    const { table, other, w } = gradientsOf(sides.tested);
    expect([...other!, ...w!].every((value) => value === 0)).toBe(true);
    expect(table!.some((value) => value !== 0)).toBe(true);
    expect(trainedView(sides.tested.memory, sides.tested.memory.slots[0]!).some(Number.isNaN)).toBe(false);
    await sides.tested.engine.dispose();
  });
}
