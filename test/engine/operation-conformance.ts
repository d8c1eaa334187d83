/** What every engine promises about the operations that any cell can be made of, one by one against the reference. */
import { expect } from 'vitest';
import type { Named, Shape } from '../../src/tensor/matrix.js';
import { parameter } from '../../src/tensor/model-spec.js';
import type { Ops } from '../../src/tensor/ops.js';
import { type Harness, planFor, relativeDifference, sideBySide } from './side-by-side.js';
import { drawnInputs, modelOf, raggedTokens, type SmallProgram } from './small-program.js';

const vocabSize = 11;
const steps = 4;

/** What each operation is given, for n rows of C columns. */
interface Given<T> {
  /** (n,C) */
  readonly a: T;
  readonly b: T;
  /** (C,5), (5,C), (1,C) and (1,5) */
  readonly w: T;
  readonly v: T;
  readonly row: T;
  readonly bias: T;
  /** (V,C) */
  readonly table: T;
  /** What the live rows of time step 1 read, as a view, and the rows of `a` and `b` beside them (live(1),C). */
  readonly view: T;
  readonly a1: T;
  readonly b1: T;
  /** The embedding's rows of each time step. */
  readonly views: readonly T[];
}

type Operation = <T extends Shape>(ops: Ops<T>, given: Given<T>) => T;

const mask = { place: 'somewhere', probability: 0.4 };

const operations: Record<string, Operation> = {
  add: (ops, { a, b }) => ops.add(a, b),
  'add of a view': (ops, { view, a1 }) => ops.add(view, a1),
  'add to a view': (ops, { view, a1 }) => ops.add(a1, view),
  'add of a tensor to itself': (ops, { a }) => ops.add(a, a),
  multiply: (ops, { a, b }) => ops.multiply(a, b),
  'multiply of views': (ops, { view, a1 }) => ops.multiply(ops.multiply(view, a1), view),
  scale: (ops, { a }) => ops.scale(a, -1.75),
  'scale of a view': (ops, { view }) => ops.scale(view, 3),
  oneMinus: (ops, { a }) => ops.oneMinus(a),
  sigmoid: (ops, { a }) => ops.sigmoid(ops.scale(a, 4)),
  'sigmoid of a view': (ops, { view }) => ops.sigmoid(view),
  tanh: (ops, { a }) => ops.tanh(ops.scale(a, 4)),
  'tanh of a view': (ops, { view }) => ops.tanh(view),
  addRow: (ops, { a, row }) => ops.addRow(a, row),
  'addRow to a view': (ops, { view, row }) => ops.addRow(view, row),
  'addRow of a sum of columns': (ops, { a, b }) => ops.addRow(a, ops.columnSums(b)),
  'columnsOf, the first': (ops, { a, w }) => ops.columnsOf(ops.matmul(a, w), 0, 2),
  'columnsOf, in the middle': (ops, { a, w }) => ops.columnsOf(ops.matmul(a, w), 1, 3),
  'columnsOf, the last': (ops, { a, w }) => ops.columnsOf(ops.matmul(a, w), 4, 1),
  'columnsOf a view': (ops, { view }) => ops.columnsOf(view, view.columns - 1, 1),
  joinColumns: (ops, { a, b, w }) => ops.joinColumns([a, ops.matmul(b, w), b, a]),
  'joinColumns of views': (ops, { view, a1 }) => ops.joinColumns([view, a1, view]),
  'joinColumns of one': (ops, { a }) => ops.joinColumns([a]),
  zeros: (ops, { a }) => ops.zeros(a.rows, 3),
  matmul: (ops, { a, w }) => ops.matmul(a, w),
  'matmul with a bias': (ops, { a, w, bias }) => ops.matmul(a, w, { bias }),
  'matmul of a view': (ops, { view, w, bias }) => ops.matmul(view, w, { bias }),
  'matmul with the left transposed': (ops, { a, b }) => ops.matmul(a, b, { transposeA: true }),
  'matmul with the right transposed': (ops, { a, v }) => ops.matmul(a, v, { transposeB: true }),
  'matmul of transposed views': (ops, { view, a1 }) => ops.matmul(view, a1, { transposeA: true }),
  columnSums: (ops, { a }) => ops.columnSums(a),
  'columnSums of a view': (ops, { view }) => ops.columnSums(view),
  'accumulate into a view': (ops, { view, a1 }) => ops.accumulate(view, a1),
  accumulate: (ops, { a, b }) => ops.accumulate(ops.accumulate(ops.add(a, b), b), ops.tanh(a)),
  'accumulate of a view': (ops, { a1, view }) => ops.accumulate(ops.scale(a1, 2), view),
  padRows: (ops, { a, a1 }) => ops.padRows(a1, a.rows),
  'padRows of a view': (ops, { a, view }) => ops.padRows(view, a.rows),
  'padRows of what is computed': (ops, { a, a1, b1 }) => ops.padRows(ops.multiply(a1, b1), a.rows),
  'firstRows of a view': (ops, { view, row }) => ops.addRow(ops.firstRows(view, ops.plan.live[2]!), row),
  'pack of views': (ops, { views }) => ops.pack(views),
  'pack of what is computed': (ops, { views }) => ops.pack(views.map((view) => ops.tanh(view))),
  'stepRows of a pack': (ops, { views, a1 }) => ops.add(ops.stepRows(ops.pack(views), 1), a1),
  sumByInput: (ops, { views }) => ops.sumByInput(ops.pack(views.map((view, t) => ops.scale(view, 1 + t)))),
  embed: (ops, { table }) => ops.embed(table),
  'dropoutMask of positions': (ops, { a }) => ops.dropoutMask({ ...mask, of: 'positions', columns: a.columns }),
  'dropoutMask of images': (ops, { a }) => ops.dropoutMask({ ...mask, of: 'images', columns: a.columns }),
  logSumExp: (ops, { a }) => ops.logSumExp(ops.scale(a, 30)),
  'logSumExp of a view': (ops, { view }) => ops.logSumExp(view),
  'a view as it is': (_ops, { view }) => view,
  'an input as it is': (_ops, { a }) => a,
  'a parameter as it is': (_ops, { w }) => w,
};

function programOf(columns: number): SmallProgram {
  const normal = { normal: 1 };
  return {
    parameters: [
      parameter('w', [columns, 5], normal),
      parameter('v', [5, columns], normal),
      parameter('row', [columns], normal),
      parameter('bias', [5], normal),
      parameter('table', [vocabSize, columns], normal),
    ],
    inputs: { a: columns, b: columns },
    run<T extends Shape>(ops: Ops<T>, parameters: Named<T>, { a, b }: Named<T>) {
      const { w, v, row, bias, table } = parameters;
      const vectors = ops.embed(table!);
      const live = ops.plan.live[1]!;
      const given: Given<T> = {
        ...{ a: a!, b: b!, w: w!, v: v!, row: row!, bias: bias!, table: table! },
        view: ops.inputRows(vectors, 1),
        a1: ops.firstRows(a!, live),
        b1: ops.firstRows(b!, live),
        views: Array.from({ length: ops.plan.steps }, (_, t) => ops.inputRows(vectors, t)),
      };
      const results = Object.entries(operations).map(([name, operation]) => [name, operation(ops, given)] as const);
      return { tensors: Object.fromEntries(results) };
    },
  };
}

export function promiseOperations({ promise, choice, tolerance }: Harness): void {
  for (const [rows, columns] of [
    [3, 1],
    [7, 3],
    [9, 8],
    [5, 19],
  ] as const) {
    promise(`does each generic operation like the reference, on ${rows} rows of ${columns}`, async () => {
      const program = programOf(columns);
      const spec = modelOf(program, vocabSize, steps, false);
      const { tested, reference } = await sideBySide(choice(), spec, { rows });
      const plan = planFor(tested.engine, raggedTokens(rows, vocabSize, steps));
      const draws = { seed: 3, step: 2, rows: plan.order };
      const request = { shard: 0, plan, inputs: drawnInputs(program.inputs, plan), draws };
      const [found, expected] = await Promise.all(
        [tested, reference].map(({ engine }) => engine.prepare(spec.programs.start, { rows, steps }).run(request)),
      );
      for (const name of Object.keys(operations)) {
        const { rows: expectedRows, columns: expectedColumns, data } = expected!.tensors[name]!;
        const result = found!.tensors[name]!;
        expect([result.rows, result.columns], name).toEqual([expectedRows, expectedColumns]);
        expect(relativeDifference(result.data, data), name).toBeLessThan(tolerance);
      }
      await tested.engine.dispose();
    });
  }
}
