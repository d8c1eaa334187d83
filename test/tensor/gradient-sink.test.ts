import { describe, expect, it } from 'vitest';
import { matrix } from '../../src/engine/reference/reference-matrix.js';
import { ReferenceOps } from '../../src/engine/reference/reference-ops.js';
import { GradientSink } from '../../src/tensor/gradient-sink.js';
import type { GradientOptions } from '../../src/tensor/ops.js';
import { decodingPlan } from '../../src/tensor/step-plan.js';

const ops = new ReferenceOps(decodingPlan(Int32Array.of(0)));

function row(...values: number[]) {
  return matrix(1, values.length, Float64Array.from(values));
}

describe('the sink of gradients', () => {
  it('lets the first gradient of a parameter be computed in its place, and adds the others to it', () => {
    const sink = new GradientSink(ops, () => true);
    const asked: GradientOptions[] = [];
    for (const values of [
      [1, 2],
      [10, 20],
      [100, 200],
    ]) {
      sink.add('w', (options) => {
        asked.push(options);
        return row(...values);
      });
    }
    sink.add('b', () => row(5));
    expect(asked).toEqual([{ gradientOf: 'w' }, {}, {}]);
    expect([...sink.gradients.w!.data]).toEqual([111, 222]);
    expect([...sink.gradients.b!.data]).toEqual([5]);
  });

  it('does not compute the gradient of what is not trained', () => {
    const sink = new GradientSink(ops, (name) => name !== 'frozen');
    sink.add('frozen', () => {
      throw new Error('computed');
    });
    expect(sink.gradients).toEqual({});
  });
});
