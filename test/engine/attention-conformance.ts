/** What every engine promises about attention over grids, step by step against the reference. */
import { expect } from 'vitest';
import type { Matrix, Named, Shape } from '../../src/tensor/matrix.js';
import { parameter } from '../../src/tensor/model-spec.js';
import type { AttentionGradients, AttentionStep, Ops } from '../../src/tensor/ops.js';
import { type Harness, planFor, relativeDifference, sideBySide } from './side-by-side.js';
import { drawnInputs, modelOf, raggedTokens, type SmallProgram } from './small-program.js';

const vocabSize = 11;
const steps = 4;

interface GridShape {
  /** L, A and C. */
  readonly positions: number;
  readonly projected: number;
  readonly columns: number;
  /** What queries and projections are multiplied with, so that tanh is saturated where it is large. */
  readonly scale: number;
}

/** All steps of attention to given grids with given queries, and the way back from given gradients. */
function programOf({ positions: L, projected: A, columns: C, scale }: GridShape): SmallProgram {
  return {
    parameters: [parameter('scorer', [A], { normal: 1 })],
    inputs: { grid: L * C, projected: L * A, query: A, gate: 1, dcontext: C, dweights: L },
    run<T extends Shape>(ops: Ops<T>, { scorer }: Named<T>, given: Named<T>) {
      const { live } = ops.plan;
      const firstRows = (name: string, rows: number) => ops.firstRows(given[name]!, rows);
      const memory = {
        positions: L,
        grid: ops.splitRows(firstRows('grid', live[0]!), L),
        projected: ops.splitRows(ops.scale(firstRows('projected', live[0]!), scale), L),
        scorer: scorer!,
      };
      const forward = Array.from({ length: ops.plan.steps }, (_, t) => {
        // Other queries at each step.
        const query = ops.scale(firstRows('query', live[t]!), (scale * (t + 1)) / steps);
        return ops.attend(memory, query, firstRows('gate', live[t]!), t);
      });
      const packed = (name: keyof AttentionStep<T>) => ops.pack(forward.map((step) => step[name]));
      const coverage = ops.coverageLoss(packed('weights'), 0.3);
      let next: AttentionGradients<T> | null = null;
      const gradients: AttentionGradients<T>[] = [];
      for (let t = ops.plan.steps - 1; t >= 0; t--) {
        // The last two steps have no gradient of the weights from above.
        const dweights = t < 2 ? ops.add(firstRows('dweights', live[t]!), ops.stepRows(coverage.dweights, t)) : null;
        const dcontext = ops.scale(firstRows('dcontext', live[t]!), 1);
        next = ops.attendBackward(memory, forward[t]!, dcontext, dweights, next?.dprojected ?? null, t);
        gradients[t] = next;
      }
      const packedGradients = (name: 'dquery' | 'dgate' | 'dscorer') => ops.pack(gradients.map((each) => each[name]));
      return {
        loss: coverage.loss,
        tensors: {
          context: packed('context'),
          weights: packed('weights'),
          dcoverage: ops.scale(coverage.dweights, 1),
          dquery: packedGradients('dquery'),
          dgate: packedGradients('dgate'),
          // Only the sum over all rows means something.
          dscorer: ops.columnSums(packedGradients('dscorer')),
          dprojected: ops.scale(next!.dprojected, 1),
          joined: ops.joinRows(ops.scale(memory.grid, 2), L),
        },
      };
    },
  };
}

export function promiseAttention({ promise, choice, tolerance }: Harness): void {
  for (const [rows, shape] of [
    [3, { positions: 1, projected: 1, columns: 1, scale: 1 }],
    [5, { positions: 7, projected: 6, columns: 5, scale: 1 }],
    [6, { positions: 8, projected: 16, columns: 12, scale: 2 }],
    [4, { positions: 9, projected: 19, columns: 11, scale: 60 }],
  ] as const) {
    const { positions, projected, scale } = shape;
    const title = `${positions} positions of ${projected} columns${scale > 30 ? ', where tanh is saturated' : ''}`;
    promise(`attends to grids like the reference, ${title}`, async () => {
      const program = programOf(shape);
      const spec = modelOf(program, vocabSize, steps, false);
      const { tested, reference } = await sideBySide(choice(), spec, { rows });
      const tokens = {
        ...raggedTokens(rows, vocabSize, steps),
        weights: Float32Array.from({ length: rows }, (_, i) => i / 2),
      };
      const plan = planFor(tested.engine, tokens);
      const request = { shard: 0, plan, inputs: drawnInputs(program.inputs, plan) };
      const [found, expected] = await Promise.all(
        [tested, reference].map(({ engine }) => engine.prepare(spec.programs.start, { rows, steps }).run(request)),
      );
      expect(relativeDifference([found!.loss], [expected!.loss])).toBeLessThan(tolerance);
      for (const [name, { rows, columns, data }] of Object.entries(expected!.tensors as Named<Matrix>)) {
        const result = found!.tensors[name]!;
        expect([result.rows, result.columns], name).toEqual([rows, columns]);
        expect(relativeDifference(result.data, data), name).toBeLessThan(tolerance);
      }
      await tested.engine.dispose();
    });
  }
}
